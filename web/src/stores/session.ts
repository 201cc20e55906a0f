import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { api, session as lent, unwrap } from "@/api/client";
import { Problem } from "@/api/problem";

/** Says that there may be a session, so that a stranger's first visit asks for none. The session itself is in a cookie. */
const HINT = "akr.session";

/** Who is signed in. */
export const useSession = defineStore("session", () => {
  const username = ref<string | null>(null);
  const hasEnded = ref(false);
  /** Why it cannot be said who is signed in. */
  const outage = shallowRef<Problem | null>(null);
  let isRestored = false;

  function begin(name: string, csrfToken: string) {
    username.value = name;
    hasEnded.value = false;
    lent.csrfToken = csrfToken;
  }

  function forget() {
    username.value = null;
    lent.csrfToken = "";
    localStorage.removeItem(HINT);
  }

  lent.onEnd = () => {
    if (username.value !== null) hasEnded.value = true;
    forget();
  };

  async function signIn(name: string, password: string) {
    const body = { username: name, password, cookie: true };
    const answer = await unwrap(api.POST("/api/admin/login", { body }));
    begin(name, answer.csrf_token);
    // Another value each time, or other tabs would not hear of it.
    localStorage.setItem(HINT, String(Date.now()));
  }

  async function goOn() {
    const current = await unwrap(api.GET("/api/admin/session"));
    begin(current.username, current.csrf_token);
  }

  // All tabs have one cookie: a session that another tab begins or ends is this one's too.
  window.addEventListener("storage", ({ key, newValue }) => {
    if (key !== HINT) return;
    if (newValue === null) lent.onEnd();
    else goOn().catch(() => null);
  });

  /** Goes on with the session of an earlier visit, if there is one. */
  async function restore() {
    if (isRestored) return;
    outage.value = null;
    try {
      if (localStorage.getItem(HINT) !== null) {
        await goOn();
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // A 401 has ended the session, and its hint with it. Whatever else went wrong says nothing of the session.
      if (localStorage.getItem(HINT) !== null) {
        outage.value = error;
        return;
      }
    }
    isRestored = true;
  }

  async function signOut() {
    await unwrap(api.POST("/api/admin/logout"));
    forget();
  }

  return { username, hasEnded, outage, isSignedIn: computed(() => username.value !== null), signIn, restore, signOut };
});
