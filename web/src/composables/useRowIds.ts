import { toRaw } from "vue";

/** A number for each row of a form, which goes with the row when others come, go or change places. */
export function useRowIds<Row extends object>() {
  const ids = new WeakMap<object, number>();
  let last = 0;

  function idOf(row: Row): number {
    const id = ids.get(toRaw(row)) ?? ++last;
    ids.set(toRaw(row), id);
    return id;
  }

  /** What is written anew stays the same row. */
  function follow(before: Row, after: Row) {
    ids.set(toRaw(after), idOf(before));
  }

  return { idOf, follow };
}
