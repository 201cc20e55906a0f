import type { Router } from "vue-router";

/** The code by which one signs in again over a page. */
export const loadSignInAgain = () => import("@/components/SignInAgain.vue");

/** Waits until the browser has nothing better to do. Safari cannot tell. */
function idle(): Promise<unknown> {
  return new Promise((resolve) => (window.requestIdleCallback ? window.requestIdleCallback(resolve) : setTimeout(resolve, 200)));
}

/** Loads the code of every page while nobody waits for it, one after the other: a click then only has to draw the page. So it
 * does what is needed when a session ends: after an upgrade it could not be had any more. */
export async function prefetch(router: Router) {
  for (const route of router.getRoutes()) {
    const load = route.components?.default;
    await idle();
    // What cannot be loaded now is loaded, or complained of, when somebody goes there.
    if (typeof load === "function") await (load as () => Promise<unknown>)().catch(() => null);
  }
  await loadSignInAgain().catch(() => null);
}
