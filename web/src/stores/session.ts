import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { api, session as lent, unwrap } from "@/api/client";

/** Says that there may be a session, so that a stranger's first visit asks for none. The session itself is in a cookie. */
const HINT = "akr.session";

/** Who is signed in. */
export const useSession = defineStore("session", () => {
  const username = ref<string | null>(null);
  const hasEnded = ref(false);
  let isRestored = false;

  function begin(name: string, csrfToken: string) {
    username.value = name;
    hasEnded.value = false;
    lent.csrfToken = csrfToken;
    localStorage.setItem(HINT, "1");
  }

  function forget() {
    username.value = null;
    lent.csrfToken = "";
    localStorage.removeItem(HINT);
  }

  lent.onEnd = () => {
    hasEnded.value = username.value !== null;
    forget();
  };

  async function signIn(name: string, password: string) {
    const body = { username: name, password, cookie: true };
    const answer = await unwrap(api.POST("/api/admin/login", { body }));
    begin(name, answer.csrf_token);
  }

  /** Goes on with the session of an earlier visit, if there is one. */
  async function restore() {
    if (isRestored) return;
    isRestored = true;
    if (localStorage.getItem(HINT) === null) return;
    try {
      const current = await unwrap(api.GET("/api/admin/session"));
      begin(current.username, current.csrf_token);
    } catch {
      forget();
    }
  }

  async function signOut() {
    try {
      await unwrap(api.POST("/api/admin/logout"));
    } finally {
      forget();
    }
  }

  return { username, hasEnded, isSignedIn: computed(() => username.value !== null), signIn, restore, signOut };
});
