// The call as this page has it: who is there, the connection to them, and what is done
// when it fails. It shows nothing: it tells, and `room.js` has it shown.

import { Peer } from "./peer.js";
import { Quality } from "./quality.js";
import { Signalling } from "./signalling.js";
import { uuid } from "./uuid.js";

const AGREEING_MS = 150; // while an answer to what was just sent is due
const AGREEING_FOR_MS = 3_000;
const QUICK_MS = 300; // until connected
const ALONE_MS = 1_000; // nobody came for a while
const SLOW_MS = 2_000;
const HIDDEN_MS = 4_000;
const LONG_ALONE_MS = 120_000;

const SLEPT_MS = 15_000; // a tick as late as this: the computer slept
const TROUBLE_MS = 20_000; // as long without media: other ways are offered
const ATTEMPT_MS = 10_000; // before the next attempt; each one waits a little longer
const LONGEST_ATTEMPT_MS = 30_000;
const COURTESY_MS = 3_000; // the polite side leaves the first attempt to the other
const QUIET_S = 15; // nobody answers at the other end
const EARLY = 60; // signals kept of a page we do not know yet

const hasRelay = (servers) =>
  servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));

/**
 * A call from coming to leaving. Events, each with a `detail`:
 * - `state` {state, trouble, signalling}: waiting, connecting, connected, reconnecting or
 *   over; whether there is no media for long; whether the server is reached;
 * - `other` {other, before}: who is there and what of theirs is on, null for nobody;
 * - `stream` {stream}: what the other sends;
 * - `messages` {messages}: at first all there are, maybe none, then new ones;
 * - `agenda` {version}, `ends` {endsAt}: when they are other than before;
 * - `quality` {level, route}; `norelay` {}: the relay that was asked for lets nobody in;
 * - `over` {over, words, url}: this page is out, why, and where it goes on.
 */
export class Call extends EventTarget {
  #config;
  #media;
  #signalling;
  #quality = new Quality();
  #peer = null;
  #generation = 0; // which connection with this page of the other, on both sides
  #generations = new Map();
  #isOffered = false;
  #early = [];
  #polite;
  #iceServers;
  #iceAt = Date.now();
  #mode = { relayOnly: false, audioOnly: false };
  #ticker = null;
  #tickedAt = 0;
  #aloneSince = Date.now();
  #mutedSince = 0; // since when there is somebody and no media
  #attemptAt = 0;
  #attempts = 0;
  #version = null;
  #endsAt = null;

  state = "asking";
  trouble = false;
  other = null;
  tab = uuid();

  /** `config` is the page's; `media` what is sent. Nothing happens before `start()`. */
  constructor({ config, media }) {
    super();
    this.#config = config;
    this.#media = media;
    this.#polite = config.polite;
    this.#iceServers = config.ice_servers;
    this.#signalling = new Signalling({
      address: config.poll,
      token: config.token,
      tab: this.tab,
      pace: () => this.#pace(),
      tell: () => this.#said(),
    });
    this.#listen();
  }

  /** How it stands, as the event `state` tells it. */
  get standing() {
    const { state, trouble } = this;
    return { state, trouble, signalling: !this.#signalling.isLost };
  }

  /** Whether there is a relay to try. */
  get hasRelay() {
    return hasRelay(this.#iceServers);
  }

  /** Whether the other side is not heard of: whatever we try, they have to come back. */
  get isOtherQuiet() {
    return Boolean(this.other) && this.other.quiet_for >= QUIET_S;
  }

  get isAudioOnly() {
    return this.#mode.audioOnly;
  }

  /** Come into the room. */
  start() {
    this.#tickedAt = Date.now();
    this.#ticker = new Worker(new URL("./ticker.js", import.meta.url));
    this.#ticker.onmessage = () => this.#tick();
    this.#signalling.start();
    this.#is("waiting");
  }

  /**
   * Connect anew, in another way: by the relay alone, or without pictures. Later
   * connections keep to it, until it is asked for another.
   */
  async again({ relayOnly = false, audioOnly = false } = {}) {
    this.#mode = { relayOnly, audioOnly };
    await this.#reconnect();
  }

  /** Go: the server is told even while the page closes. */
  leave() {
    if (this.state === "over") return;
    const { leave, token } = this.#config;
    navigator.sendBeacon(
      leave,
      new URLSearchParams({ tab: this.tab, csrfmiddlewaretoken: token }),
    );
    this.#finish({ over: "left", words: "", url: "" });
  }

  // --- What is heard ---------------------------------------------------------------------

  #listen() {
    const signalling = this.#signalling;
    signalling.addEventListener("answer", ({ detail }) => this.#take(detail));
    signalling.addEventListener("signal", ({ detail }) => this.#hear(detail));
    signalling.addEventListener("gone", ({ detail: { isSignedOut } }) => {
      const over = isSignedOut ? "signed-out" : "gone";
      this.#finish({ over, words: "", url: isSignedOut ? location.href : "" });
    });
    signalling.addEventListener("lost", () => this.#tellState());
    signalling.addEventListener("back", () => {
      this.#tellState();
      this.#mend();
    });
    this.#quality.addEventListener("change", ({ detail }) => {
      this.#tell("quality", detail);
      signalling.poke();
    });
    this.#media.addEventListener("change", () => {
      this.#peer?.setTracks(this.#media);
      signalling.poke();
    });
    addEventListener("online", () => this.#wake());
    navigator.connection?.addEventListener?.("change", () => this.#wake());
    document.addEventListener("visibilitychange", () => signalling.poke());
  }

  #take(answer) {
    if (answer.over) {
      this.#finish(answer);
      return;
    }
    this.#polite = answer.polite;
    if (Array.isArray(answer.ice_servers)) {
      this.#iceServers = answer.ice_servers;
      this.#iceAt = Date.now();
      this.#peer?.renew(this.#iceServers);
    }
    this.#meet(answer.other);
    const isFirst = this.#version === null;
    if (isFirst || answer.messages.length) {
      this.#tell("messages", { messages: answer.messages });
    }
    if (answer.agenda !== this.#version) {
      this.#version = answer.agenda;
      if (!isFirst) this.#tell("agenda", { version: answer.agenda });
    }
    if (answer.ends_at !== this.#endsAt) {
      this.#endsAt = answer.ends_at;
      this.#tell("ends", { endsAt: answer.ends_at });
    }
  }

  #meet(other) {
    const before = this.other;
    this.other = other;
    if (other?.tab !== before?.tab) {
      this.#part();
      if (other) this.#greet(other);
    }
    if (JSON.stringify(other) !== JSON.stringify(before)) {
      this.#tell("other", { other, before });
    }
  }

  /** The other's page is there, or a new one of theirs. */
  #greet({ tab }) {
    const early = this.#early.filter(({ from }) => from === tab);
    this.#early = [];
    this.#attempts = 0;
    this.#connect((this.#generations.get(tab) ?? 0) + 1);
    const peer = this.#peer;
    for (const signal of early) this.#hear(signal);
    // Who is offered a connection in this very answer has none to offer.
    queueMicrotask(() => {
      if (peer === this.#peer && !this.#isOffered) peer.start();
    });
    this.#is("connecting");
  }

  #part() {
    this.#drop();
    this.#aloneSince = Date.now();
    this.#mutedSince = 0;
    this.trouble = false;
    if (this.state !== "over") this.#is("waiting");
  }

  #hear({ from, body }) {
    if (from !== this.other?.tab) {
      this.#early = [...this.#early, { from, body }].slice(-EARLY);
      return;
    }
    const { generation } = body;
    if (!Number.isInteger(generation) || generation < this.#generation) return;
    if (generation > this.#generation) this.#connect(generation);
    this.#isOffered = true;
    this.#peer.receive(body);
  }

  // --- The connection ----------------------------------------------------------------------

  #connect(generation) {
    const { tab } = this.other;
    this.#drop();
    this.#generation = generation;
    this.#generations.set(tab, generation);
    this.#isOffered = false;
    this.#attemptAt = Date.now();
    this.#mutedSince ||= Date.now();
    this.#signalling.forget((body, to) => to !== tab || body.generation < generation);
    const peer = new Peer({
      ...this.#mode,
      polite: this.#polite,
      iceServers: this.#iceServers,
      send: (body) => this.#signalling.send(tab, { generation, ...body }),
    });
    this.#peer = peer;
    peer.setTracks(this.#media);
    if (this.state === "connected") this.#is("reconnecting");
    const own = (handler) => (event) => {
      if (peer === this.#peer) handler(event.detail);
    };
    peer.addEventListener("stream", own((stream) => this.#tell("stream", { stream })));
    peer.addEventListener("state", own((state) => this.#follow(state)));
    peer.addEventListener("broken", own(() => this.#lose()));
    peer.addEventListener("norelay", own(() => this.#leaveRelay()));
  }

  /** The relay lets nobody in: back to whatever way there is. */
  #leaveRelay() {
    this.#tell("norelay", {});
    this.again({ ...this.#mode, relayOnly: false });
  }

  #drop() {
    this.#quality.stop();
    this.#peer?.close();
    this.#peer = null;
  }

  #follow(state) {
    if (state === "connected") {
      this.#mutedSince = 0;
      this.#attempts = 0;
      this.trouble = false;
      this.#quality.watch(this.#peer);
      this.#is("connected");
    } else if (state === "disconnected") {
      this.#lose();
      this.#soon(() => this.#mend());
    } else if (state === "failed") {
      this.#lose();
      this.#soon(() => this.#reconnect());
    }
  }

  #lose() {
    this.#quality.stop();
    this.#mutedSince ||= Date.now();
    if (this.state === "connected") this.#is("reconnecting");
  }

  /** The impolite side does it now, the polite one where nothing has come of it. */
  #soon(mend) {
    const peer = this.#peer;
    const wait = this.#polite ? COURTESY_MS : 0;
    setTimeout(() => {
      if (peer === this.#peer && peer?.state !== "connected") mend();
    }, wait);
  }

  /** Look for a way anew, in the same connection if it can still agree on one. */
  async #mend({ always = false } = {}) {
    const peer = this.#peer;
    const isWell = () => peer?.state === "connected" && !always;
    if (!peer || isWell() || this.#signalling.isLost) return;
    this.#attemptAt = Date.now();
    await this.#freshIce();
    if (peer !== this.#peer || isWell()) return;
    if (!peer.restart(this.#iceServers)) this.#begin();
  }

  /** What lets us into the relay runs out: it is asked anew before it is used. */
  async #freshIce() {
    if (this.hasRelay) await this.#signalling.freshIce();
  }

  /** A new connection in place of one that failed. */
  async #reconnect() {
    const peer = this.#peer;
    if (!peer || this.#signalling.isLost) return;
    this.#attemptAt = Date.now();
    await this.#freshIce();
    if (peer === this.#peer) this.#begin();
  }

  #begin() {
    this.#attempts += 1;
    this.#connect(this.#generation + 1);
    this.#peer.start();
  }

  // --- Time passes ------------------------------------------------------------------------

  #tick() {
    const now = Date.now();
    const slept = now - this.#tickedAt > SLEPT_MS;
    this.#tickedAt = now;
    if (slept) this.#wake({ always: true });
    this.#signalling.tick();
    if (this.hasRelay && now - this.#iceAt > this.#config.ice_fresh_for * 1000) {
      this.#iceAt = now;
      this.#signalling.freshIce();
    }
    if (!this.#peer) return;
    if (this.#peer.state === "closed") {
      this.#lose(); // not by us, so nothing told us
      this.#reconnect();
    }
    if (!this.#mutedSince) return;
    if (!this.trouble && now - this.#mutedSince >= TROUBLE_MS) {
      this.trouble = true;
      this.#tellState();
    }
    const courtesy = this.#polite ? COURTESY_MS : 0;
    const wait = Math.min(ATTEMPT_MS * (this.#attempts + 1), LONGEST_ATTEMPT_MS) + courtesy;
    if (now - this.#attemptAt > wait && !this.isOtherQuiet) this.#reconnect();
  }

  /** The network is another one, or the computer has slept. */
  #wake(how) {
    if (this.state === "over" || this.state === "asking") return;
    this.#signalling.retry();
    this.#mend(how);
  }

  #pace() {
    const isAgreeing = this.#peer && Date.now() - this.#attemptAt < AGREEING_FOR_MS;
    if (isAgreeing && this.state !== "connected") return AGREEING_MS;
    if (document.hidden) return HIDDEN_MS;
    if (this.state === "connected") return SLOW_MS;
    return !this.other && Date.now() - this.#aloneSince > LONG_ALONE_MS ? ALONE_MS : QUICK_MS;
  }

  #said() {
    const pictures = this.isAudioOnly ? { camera: false, screen: false } : {};
    const state = { ...this.#media.state, ...pictures, audio_only: this.isAudioOnly };
    const said = { state: { ...state, route: this.#quality.route } };
    const quality = this.#quality.takeSample();
    return quality ? { ...said, quality } : said;
  }

  // --- What is told -----------------------------------------------------------------------

  #finish({ over, words, url }) {
    if (this.state === "over") return;
    this.#ticker?.terminate();
    this.#signalling.stop();
    this.#drop();
    this.#media.stop();
    this.other = null;
    this.trouble = false;
    this.#is("over");
    this.#tell("over", { over, words, url });
  }

  #is(state) {
    if (this.state === "over") return;
    this.state = state;
    this.#tellState();
  }

  #tellState() {
    this.#tell("state", this.standing);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
