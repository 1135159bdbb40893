// The connection to the other browser: perfect negotiation as the WebRTC specification
// has it. There is one line for sound and one for the picture; what goes through them is
// replaced in place, so that a mute, another device or a screen asks for no new agreement.

const KINDS = ["audio", "video"];
const LONGEST_SDP = 100_000;
const LONGEST_CANDIDATE = 2_000;

const isText = (thing, longest) => typeof thing === "string" && thing.length <= longest;
const isTextOrNone = (thing) => thing === undefined || thing === null || isText(thing, 256);

/** The other's description if it has the shape of one, else null. */
function descriptionOf(raw) {
  const isSound =
    (raw?.type === "offer" || raw?.type === "answer") && isText(raw.sdp, LONGEST_SDP);
  return isSound ? { type: raw.type, sdp: raw.sdp } : null;
}

/** The other's candidate if it has the shape of one, else null. */
function candidateOf(raw) {
  const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = raw ?? {};
  const isSound =
    isText(candidate, LONGEST_CANDIDATE) &&
    isTextOrNone(sdpMid) &&
    isTextOrNone(usernameFragment) &&
    (sdpMLineIndex === undefined || sdpMLineIndex === null || Number.isInteger(sdpMLineIndex));
  return isSound ? { candidate, sdpMid, sdpMLineIndex, usernameFragment } : null;
}

/**
 * One RTCPeerConnection, from its first description to its end. Events: `stream` (the
 * other's MediaStream, again when a track is added), `state` (connectionState), `broken`
 * (what the other sent could not be used: only a new connection helps), `norelay` (a relay
 * was asked for, and none let us in).
 */
export class Peer extends EventTarget {
  #connection;
  #send;
  #isPolite;
  #isAudioOnly;
  #isRelayOnly;
  #hasCandidate = false;
  #isMakingOffer = false;
  #isSettingAnswer = false;
  #waiting = []; // candidates that came before a description
  #work = Promise.resolve(); // what the other sent is taken in one after the other
  #lines = new Map(); // kind → transceiver
  #tracks = new Map(); // kind → what is sent now, or null
  #own = new MediaStream(); // names both lines as one, so that lips and sound agree
  #theirs = new MediaStream();

  /** `send(body)` hands a description or candidate to the other side. */
  constructor({ send, polite, iceServers, relayOnly = false, audioOnly = false }) {
    super();
    this.#send = send;
    this.#isPolite = polite;
    this.#isAudioOnly = audioOnly;
    this.#isRelayOnly = relayOnly;
    this.#connection = new RTCPeerConnection({
      iceServers,
      iceTransportPolicy: relayOnly ? "relay" : "all",
      bundlePolicy: "max-bundle",
    });
    const connection = this.#connection;
    connection.onnegotiationneeded = () => this.#offer();
    connection.onicecandidate = ({ candidate }) => {
      this.#hasCandidate ||= Boolean(candidate?.candidate);
      this.#send({ candidate: candidate ? candidate.toJSON() : null });
    };
    connection.onicegatheringstatechange = () => {
      const isDone = connection.iceGatheringState === "complete";
      if (isDone && this.#isRelayOnly && !this.#hasCandidate) this.#tell("norelay");
    };
    connection.onconnectionstatechange = () => this.#tell("state", connection.connectionState);
    connection.ontrack = ({ track }) => {
      this.#theirs.addTrack(track);
      this.#tell("stream", this.#theirs);
    };
  }

  get state() {
    return this.#connection.connectionState;
  }

  /** Begin by an offer; who was offered one first does without. */
  start() {
    for (const kind of KINDS) {
      if (!this.#lines.has(kind) && !(this.#isAudioOnly && kind === "video")) {
        this.#keep(
          this.#connection.addTransceiver(kind, { direction: "sendrecv", streams: [this.#own] }),
        );
      }
    }
  }

  /** Send these from now on; null where there is nothing to send. */
  setTracks({ audioTrack, videoTrack }) {
    this.#tracks.set("audio", audioTrack);
    this.#tracks.set("video", this.#isAudioOnly ? null : videoTrack);
    for (const [kind, line] of this.#lines) this.#fill(line, kind);
  }

  /** Take in what the other side sent. Unknown shapes are dropped. */
  receive(body) {
    this.#work = this.#work
      .then(() => this.#take(body))
      .catch(() => {
        if (this.state !== "closed") this.#tell("broken");
      });
    return this.#work;
  }

  /**
   * Look for a way anew, with these ICE servers. False where no agreement is possible now
   * (an offer hangs in the air): a new connection is needed then.
   */
  restart(iceServers) {
    if (this.#connection.signalingState !== "stable") return false;
    this.renew(iceServers);
    this.#connection.restartIce();
    return true;
  }

  /** Use these ICE servers from the next gathering on. */
  renew(iceServers) {
    if (this.state === "closed") return;
    const { iceTransportPolicy } = this.#connection.getConfiguration();
    this.#connection.setConfiguration({
      iceServers,
      iceTransportPolicy,
      bundlePolicy: "max-bundle",
    });
  }

  getStats() {
    return this.#connection.getStats();
  }

  /** End it. No event comes any more, and the other's tracks are let go. */
  close() {
    const connection = this.#connection;
    connection.onnegotiationneeded = null;
    connection.onicecandidate = null;
    connection.onicegatheringstatechange = null;
    connection.onconnectionstatechange = null;
    connection.ontrack = null;
    connection.close();
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // --- Negotiation ---------------------------------------------------------------------

  async #offer() {
    this.#isMakingOffer = true;
    try {
      await this.#connection.setLocalDescription();
      this.#describe();
    } catch {
      if (this.state !== "closed") this.#tell("broken");
    } finally {
      this.#isMakingOffer = false;
    }
  }

  #describe() {
    const { type, sdp } = this.#connection.localDescription;
    this.#send({ description: { type, sdp } });
  }

  async #take(body) {
    if (this.state === "closed") return;
    if (body.description !== undefined) {
      const description = descriptionOf(body.description);
      if (description) await this.#takeDescription(description);
    } else if (body.candidate !== undefined) {
      const candidate = candidateOf(body.candidate);
      if (candidate || body.candidate === null) await this.#takeCandidate(candidate);
    }
  }

  async #takeDescription(description) {
    const connection = this.#connection;
    const isReady =
      !this.#isMakingOffer && (connection.signalingState === "stable" || this.#isSettingAnswer);
    const isCollision = description.type === "offer" && !isReady;
    if (isCollision && !this.#isPolite) return;
    this.#isSettingAnswer = description.type === "answer";
    try {
      await connection.setRemoteDescription(description); // rolls an own offer back
    } finally {
      this.#isSettingAnswer = false;
    }
    for (const candidate of this.#waiting.splice(0)) await this.#takeCandidate(candidate);
    if (description.type === "offer") {
      this.#adopt();
      await connection.setLocalDescription();
      this.#describe();
    }
  }

  async #takeCandidate(candidate) {
    if (!this.#connection.remoteDescription) {
      this.#waiting.push(candidate);
      return;
    }
    // One that does not fit (of an offer that was ignored, say) is one way less, no more.
    await this.#connection.addIceCandidate(candidate).catch(() => {});
  }

  // --- Lines ----------------------------------------------------------------------------

  /** Take the lines that the other's offer made; own ones it did not meet are given up. */
  #adopt() {
    const lines = this.#connection.getTransceivers();
    for (const line of lines) {
      const { kind } = line.receiver.track;
      const before = this.#lines.get(kind);
      const isTaken = before && before.mid !== null;
      if (line.mid === null || line.currentDirection === "stopped" || isTaken) continue;
      before?.stop();
      if (this.#isAudioOnly && kind === "video") {
        line.direction = "inactive"; // so that the other's picture does not come either
        continue;
      }
      line.direction = "sendrecv";
      line.sender.setStreams(this.#own);
      this.#keep(line);
    }
  }

  #keep(line) {
    const { kind } = line.receiver.track;
    this.#lines.set(kind, line);
    this.#fill(line, kind);
  }

  #fill(line, kind) {
    const track = this.#tracks.get(kind) ?? null;
    if (line.sender.track === track) return;
    line.sender.replaceTrack(track).catch(() => {
      if (this.state !== "closed") this.#tell("broken");
    });
  }
}
