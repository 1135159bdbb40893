// Two people, or two pages of one, changed the same: neither's words are lost.

export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export function bothTexts(base, mine, theirs) {
  if (mine === theirs || mine === base) {
    return theirs;
  }
  if (theirs === base || mine.includes(theirs)) {
    return mine;
  }
  return theirs.includes(mine) ? theirs : `${theirs}\n\n${mine}`;
}

function bothTicks(base, mine, theirs) {
  const all = [...new Set([...theirs, ...mine])];
  return all.filter((line) =>
    base.includes(line) ? mine.includes(line) && theirs.includes(line) : true,
  );
}

export function both(base, mine, theirs) {
  return {
    outcome: mine.outcome === base.outcome ? theirs.outcome : mine.outcome,
    criteria: bothTicks(base.criteria, mine.criteria, theirs.criteria),
    note: bothTexts(base.note, mine.note, theirs.note),
    private: bothTexts(base.private, mine.private, theirs.private ?? base.private),
  };
}
