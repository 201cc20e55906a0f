/** The server's English sentences, each with what it is called in another language. `{0}`, `{1}`, … stand for what it fills in. */
export type Catalogue = Record<string, string>;

const GAP = /\{\d\}/;
const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Makes of a catalogue what says a sentence of it in that language, and any other text as it is. */
export function speaker(catalogue: Catalogue): (text: string) => string {
  const known = new Map(Object.entries(catalogue));
  const withGaps = [...known]
    .filter(([sentence]) => GAP.test(sentence))
    // Where two would fit, the one with more words of its own means it.
    .sort(([one], [other]) => other.split(GAP).join("").length - one.split(GAP).join("").length)
    .map(([sentence, said]) => ({ pattern: new RegExp(`^${sentence.split(GAP).map(literal).join("(.+?)")}$`, "s"), said }));

  return function say(text: string): string {
    const exact = known.get(text);
    if (exact !== undefined) return exact;
    for (const { pattern, said } of withGaps) {
      const found = pattern.exec(text);
      // What was filled in may be a sentence itself.
      if (found) return said.replace(/\{(\d)\}/g, (gap, index: string) => say(found[Number(index) + 1] ?? gap));
    }
    return text;
  };
}
