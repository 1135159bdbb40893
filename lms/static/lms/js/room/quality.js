// How well the connection does: measured every few seconds, told in one word. The numbers
// go to the server, now and then; nobody has to read them.

const EVERY_MS = 3_000;
const SAMPLE_MS = 60_000;
const FIRST_SAMPLE_MS = 10_000;
// From here on a picture is seen to jump, and from there on people lose each other.
const FAIR = { loss: 3, roundTrip: 300 };
const WEAK = { loss: 8, roundTrip: 700 };

const sum = (reports, read) => reports.reduce((total, report) => total + (read(report) ?? 0), 0);

/** What one look at the statistics says; counters still run from the beginning. */
function read(stats) {
  const all = [...stats.values()];
  const of = (type) => all.filter((report) => report.type === type);
  const transport = of("transport")[0];
  const pair =
    stats.get(transport?.selectedCandidatePairId) ??
    of("candidate-pair").find((one) => one.nominated && one.state === "succeeded");
  const received = of("inbound-rtp");
  const ends = [stats.get(pair?.localCandidateId), stats.get(pair?.remoteCandidateId)];
  return {
    at: performance.now(),
    received: sum(received, (report) => report.packetsReceived),
    lost: sum(received, (report) => report.packetsLost),
    bytes:
      sum(received, (report) => report.bytesReceived) +
      sum(of("outbound-rtp"), (report) => report.bytesSent),
    // What the other side misses of ours, as it said last.
    missed: Math.max(0, ...of("remote-inbound-rtp").map((report) => report.fractionLost ?? 0)),
    roundTrip: pair?.currentRoundTripTime ?? null,
    route: pair ? (ends.some((end) => end?.candidateType === "relay") ? "relay" : "direct") : "",
  };
}

/** Loss in percent, round trip in ms, bitrate in kbit/s, between two looks. */
export function between(before, after) {
  const lost = Math.max(0, after.lost - before.lost);
  const received = Math.max(0, after.received - before.received);
  const all = lost + received;
  const loss = Math.max(all ? (lost / all) * 100 : 0, after.missed * 100);
  const seconds = (after.at - before.at) / 1000;
  return {
    loss: Math.round(loss * 10) / 10,
    round_trip: Math.round((after.roundTrip ?? 0) * 1000),
    bitrate: Math.round((Math.max(0, after.bytes - before.bytes) * 8) / 1000 / seconds),
  };
}

/** One word for the numbers: "good", "fair" or "weak". */
export function levelOf({ loss, round_trip: roundTrip }) {
  if (loss >= WEAK.loss || roundTrip >= WEAK.roundTrip) return "weak";
  return loss >= FAIR.loss || roundTrip >= FAIR.roundTrip ? "fair" : "good";
}

/**
 * Watches one connection after the other. Event `change` ({level, route}): when the word
 * or the way (direct, or by a relay) is another one.
 */
export class Quality extends EventTarget {
  #timer = 0;
  #before = null;
  #last = ""; // the word of the look before: a single bad look says nothing yet
  #sample = null;
  #sampleDue = 0;
  level = "";
  route = "";

  /** Watch this connection from now on. */
  watch(peer) {
    this.stop();
    this.#sampleDue ||= performance.now() + FIRST_SAMPLE_MS;
    this.#timer = setInterval(() => this.#look(peer), EVERY_MS);
    this.#look(peer);
  }

  /** Stop watching; what was said last is forgotten. */
  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#before = null;
    this.#last = "";
    this.#set("", "");
  }

  /** The numbers to send with the next poll, or null: at most one set a minute. */
  takeSample() {
    const now = performance.now();
    if (!this.#sample || now < this.#sampleDue) return null;
    const sample = this.#sample;
    this.#sample = null;
    this.#sampleDue = now + SAMPLE_MS;
    return sample;
  }

  async #look(peer) {
    const timer = this.#timer;
    const now = read(await peer.getStats());
    if (timer !== this.#timer) return; // another connection is watched by now
    if (!this.#before) {
      this.#before = now;
      this.#set(this.level, now.route);
      return;
    }
    const sample = between(this.#before, now);
    this.#before = now;
    this.#sample = sample;
    const level = levelOf(sample);
    const isSure = !this.level || level === this.#last;
    this.#last = level;
    this.#set(isSure ? level : this.level, now.route || this.route);
  }

  #set(level, route) {
    if (level === this.level && route === this.route) return;
    this.level = level;
    this.route = route;
    this.dispatchEvent(new CustomEvent("change", { detail: { level, route } }));
  }
}
