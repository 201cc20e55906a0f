import { computed } from "vue";
import { useRoute, useRouter } from "vue-router";
import type { KeyFilter } from "@/stores/keys";

/** Which keys are shown: kept in the address, so that it can be sent to others and gone back from. */
export function useKeyFilter() {
  const route = useRoute();
  const router = useRouter();

  const filter = computed<KeyFilter>((before) => {
    const text = (name: string) => {
      const value = route.query[name];
      return typeof value === "string" && value !== "" ? value : undefined;
    };
    const now = { state: text("state"), quota_group: text("group"), q: text("q") };
    const isSame = before && before.state === now.state && before.quota_group === now.quota_group && before.q === now.q;
    return isSame ? before : now;
  });
  const isFiltered = computed(() => Boolean(filter.value.state ?? filter.value.quota_group ?? filter.value.q));

  function set(change: KeyFilter) {
    const { state, quota_group, q } = { ...filter.value, ...change };
    void router.replace({ query: { state: state || undefined, group: quota_group || undefined, q: q || undefined } });
  }

  return { filter, isFiltered, set };
}
