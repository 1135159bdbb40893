// A worker that beats once a second: browsers put a hidden page's own timers to sleep,
// and who waits in another tab for the other side must hear of their coming.
setInterval(() => postMessage(null), 1_000);
