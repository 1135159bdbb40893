// Microphone, camera and screen of this side: asked for, switched, chosen, lost.
//
// Nothing here knows words or pages. What goes wrong is a `fault` event whose kind
// stands in the table of `sessions/room_phrases.py`; every other change is a `change`.

export const KINDS = ["microphone", "camera"];
const TYPES = { microphone: "audio", camera: "video" };
const DEVICES = {
  audioinput: "microphone",
  videoinput: "camera",
  audiooutput: "speaker",
};
const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { max: 30 } };

/** What the browser's error says of one device, in a word. */
function reason(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
      return "missing";
    default: // NotReadableError, AbortError: it is there, and does not start
      return "busy";
  }
}

/** A small store that a browser may refuse to keep. */
export function remembered(store, key) {
  try {
    return JSON.parse(window[store].getItem(key)) ?? {};
  } catch {
    return {};
  }
}

export function remember(store, key, value) {
  try {
    window[store].setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and strict settings: it is asked anew next time.
  }
}

/** What keeps this browser from giving any device at all; empty if nothing does. */
export function obstacle() {
  if (!window.isSecureContext) {
    return "insecure";
  }
  if (!window.RTCPeerConnection || !navigator.mediaDevices?.getUserMedia) {
    return "no-webrtc";
  }
  return "";
}

export const canShare = () => Boolean(navigator.mediaDevices?.getDisplayMedia);

export class Media extends EventTarget {
  #tracks = { microphone: null, camera: null };
  #screen = null;
  #why = { microphone: "", camera: "" }; // why there is none: denied, missing, busy
  #off; // switched off by the person: a reload does not switch it on
  #chosen = remembered("localStorage", "room-devices");
  #isOver = false;
  #questions = 0; // the browser is asking the person
  #asked = { microphone: 0, camera: 0 }; // of each, the last request wins

  constructor() {
    super();
    this.#off = remembered("sessionStorage", "room-off");
    navigator.mediaDevices?.addEventListener?.("devicechange", this.#onDevices);
  }

  /** What is sent: with the screen shared, it takes the camera's place. */
  get audioTrack() {
    return this.#tracks.microphone;
  }

  get videoTrack() {
    return this.#screen ?? this.#tracks.camera;
  }

  /** One's own picture: never the screen, which is before one's eyes. */
  get cameraTrack() {
    return this.#tracks.camera;
  }

  get stream() {
    return new MediaStream([this.audioTrack, this.videoTrack].filter(Boolean));
  }

  get state() {
    return {
      microphone: Boolean(this.#tracks.microphone?.enabled),
      camera: Boolean(this.#tracks.camera),
      screen: Boolean(this.#screen),
    };
  }

  /** Whether the browser is asking just now. */
  get asking() {
    return this.#questions > 0;
  }

  /** Why a device is not there: "denied", "missing", "busy"; "" if it is, or is off. */
  why(kind) {
    return this.#why[kind];
  }

  get speaker() {
    return this.#chosen.speaker ?? "";
  }

  /** Ask for both at once, so that the browser asks its question once. */
  async start({ audio = true, video = true } = {}) {
    const kind = obstacle();
    if (kind) {
      this.#fault(kind);
      return;
    }
    const wanted = [audio && "microphone", video && !this.#off.camera && "camera"];
    await this.#take(wanted.filter(Boolean));
    this.#sayWhatIsMissing(wanted.filter(Boolean));
  }

  /** Switch the microphone or the camera, or start and end the sharing of the screen. */
  async set(kind, on) {
    if (kind === "screen") {
      return on ? this.share() : this.stopSharing();
    }
    this.#off = { ...this.#off, [kind]: !on };
    remember("sessionStorage", "room-off", this.#off);
    const track = this.#tracks[kind];
    if (!on && kind === "camera" && track) {
      this.#drop(kind); // its light goes out
    } else if (track) {
      track.enabled = on;
    } else if (on) {
      const barrier = obstacle();
      if (barrier) {
        this.#fault(barrier);
        return;
      }
      await this.#take([kind]);
      this.#sayWhatIsMissing([kind]);
      return;
    }
    this.#changed();
  }

  /** Take this device from now on; it is remembered. */
  async use(kind, deviceId) {
    this.#chosen = { ...this.#chosen, [kind]: deviceId };
    remember("localStorage", "room-devices", this.#chosen);
    if (kind === "speaker") {
      this.#changed();
    } else if (kind !== "camera" || !this.#off.camera) {
      this.#drop(kind); // phones open one camera at a time
      await this.#take([kind]);
      this.#sayWhatIsMissing([kind]);
    }
  }

  /** The devices there are, and which are in use: {microphone: [{id, name, used}]}. */
  async devices() {
    const found = { microphone: [], camera: [], speaker: [] };
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    for (const device of all) {
      const kind = DEVICES[device.kind];
      if (kind && device.deviceId) {
        const id = device.deviceId;
        const used =
          kind === "speaker"
            ? id === (this.#chosen.speaker || "default")
            : id === this.#tracks[kind]?.getSettings().deviceId;
        found[kind].push({ id, name: device.label, used });
      }
    }
    return found;
  }

  async share() {
    if (!canShare()) {
      this.#fault("screen-missing");
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { max: 15 } },
      });
      const [track] = stream.getVideoTracks();
      if (this.#isOver) {
        track.stop();
        return;
      }
      track.contentHint = "detail"; // small letters count for more than motion
      track.addEventListener("ended", () => this.stopSharing()); // the browser's own bar
      this.#screen?.stop();
      this.#screen = track;
      this.#changed();
    } catch (error) {
      this.#fault(error.name === "NotAllowedError" ? "screen-denied" : "screen-busy");
    }
  }

  stopSharing() {
    if (this.#screen) {
      this.#screen.stop();
      this.#screen = null;
      this.#changed();
    }
  }

  /** End all: every light goes out. */
  stop() {
    this.#isOver = true;
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.#onDevices);
    this.#screen?.stop();
    this.#screen = null;
    for (const kind of KINDS) {
      this.#drop(kind);
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #fault(kind, name = "") {
    this.dispatchEvent(new CustomEvent("fault", { detail: { kind, name } }));
  }

  #drop(kind) {
    const track = this.#tracks[kind];
    this.#tracks[kind] = null;
    track?.stop();
  }

  #wish(kind, isAny) {
    const id = isAny ? "" : this.#chosen[kind];
    const device = id ? { deviceId: { exact: id } } : {};
    const wish = kind === "camera" ? { ...PICTURE, ...device } : device;
    return Object.keys(wish).length ? wish : true;
  }

  /** Take devices together; if that fails, each for itself, noting why it fails. */
  async #take(kinds) {
    const turns = kinds.map((kind) => {
      this.#why[kind] = "";
      return ++this.#asked[kind];
    });
    this.#questions += 1;
    this.#changed();
    const tracks = await this.#together(kinds);
    this.#questions -= 1;
    for (const [place, kind] of kinds.entries()) {
      const track = tracks.find((one) => one.kind === TYPES[kind]);
      if (this.#isOver || turns[place] !== this.#asked[kind]) {
        track?.stop();
      } else if (track) {
        this.#drop(kind);
        this.#tracks[kind] = track;
        track.enabled = !this.#off[kind];
        track.addEventListener("ended", () => this.#lost(kind, track));
      }
    }
    this.#changed();
  }

  async #together(kinds, isAny = false) {
    if (!kinds.length) {
      return [];
    }
    const wishes = kinds.map((kind) => [TYPES[kind], this.#wish(kind, isAny)]);
    try {
      const stream = await navigator.mediaDevices.getUserMedia(Object.fromEntries(wishes));
      return stream.getTracks();
    } catch (error) {
      if (error.name === "OverconstrainedError" && !isAny) {
        return this.#together(kinds, true); // the chosen one is not plugged in
      }
      if (kinds.length === 1) {
        this.#why[kinds[0]] = reason(error);
        return [];
      }
      const tracks = [];
      for (const kind of kinds) {
        if (reason(error) === "denied" && !(await this.#mayYetBeGiven(kind))) {
          this.#why[kind] = "denied"; // not asked again, and again
        } else {
          tracks.push(...(await this.#together([kind])));
        }
      }
      return tracks;
    }
  }

  /** After a no to both: whether this one alone was allowed before. */
  async #mayYetBeGiven(kind) {
    try {
      return (await navigator.permissions.query({ name: kind })).state === "granted";
    } catch {
      return false;
    }
  }

  #sayWhatIsMissing(kinds) {
    const [first, second] = kinds.map((kind) => this.#why[kind]);
    if (first && first === second) {
      this.#fault(`both-${first}`);
      return;
    }
    for (const kind of kinds) {
      if (this.#why[kind]) {
        this.#fault(`${kind}-${this.#why[kind]}`);
      }
    }
  }

  /** A device ended without our doing: unplugged, or taken away. Take another. */
  async #lost(kind, track) {
    if (this.#tracks[kind] !== track || this.#isOver) {
      return;
    }
    this.#tracks[kind] = null;
    this.#changed();
    await this.#take([kind]);
    const other = this.#tracks[kind];
    this.#fault(other ? `${kind}-replaced` : `${kind}-gone`, other?.label);
  }

  /** What was missing is there now: take it. */
  #onDevices = async () => {
    this.dispatchEvent(new Event("devices"));
    const found = await this.devices();
    for (const kind of KINDS) {
      const isWaited = this.#why[kind] === "missing" && !this.#off[kind];
      if (isWaited && found[kind].length && !this.#tracks[kind]) {
        await this.#take([kind]);
        if (this.#tracks[kind]) {
          this.#fault(`${kind}-found`, this.#tracks[kind].label);
        }
      }
    }
  };
}

/** Tell how loud a track is, 0 to 1, until the returned function is called. */
export function listen(track, tell) {
  const audio = new AudioContext();
  const analyser = audio.createAnalyser();
  analyser.fftSize = 512;
  audio.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const loudness = Math.hypot(...samples) / Math.sqrt(samples.length);
    // From -60 dB (silence of a room) to -10 dB (close to the microphone).
    const decibels = 20 * Math.log10(Math.max(loudness, 1e-6));
    tell(Math.min(1, Math.max(0, (decibels + 60) / 50)));
  }, 80);
  return () => {
    clearInterval(timer);
    audio.close();
  };
}
