import { createRouter, createWebHistory } from "vue-router";
import { hasUnsaved } from "@/composables/useUnsaved";
import { useSession } from "@/stores/session";

declare module "vue-router" {
  interface RouteMeta {
    /** Whether strangers may see it. */
    isPublic?: boolean;
    /** The key of its title. */
    title: string;
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/login", name: "login", component: () => import("@/views/LoginView.vue"), meta: { isPublic: true, title: "login.title" } },
    {
      path: "/",
      component: () => import("@/layouts/AppLayout.vue"),
      meta: { title: "nav.overview" },
      children: [
        { path: "", name: "overview", component: () => import("@/views/OverviewView.vue"), meta: { title: "nav.overview" } },
        { path: "services", name: "services", component: () => import("@/views/ServicesView.vue"), meta: { title: "nav.services" } },
        { path: "services/:id(\\d+)", name: "keys", component: () => import("@/views/KeysView.vue"), props: (to) => ({ id: Number(to.params.id) }), meta: { title: "keys.title" } },
        { path: "requests", name: "requests", component: () => import("@/views/RequestsView.vue"), meta: { title: "nav.requests" } },
        { path: "playground", name: "playground", component: () => import("@/views/PlaygroundView.vue"), meta: { title: "nav.playground" } },
        { path: "connect", name: "connect", component: () => import("@/views/ConnectView.vue"), meta: { title: "nav.connect" } },
        { path: "proxy-keys", name: "proxy-keys", component: () => import("@/views/ProxyKeysView.vue"), meta: { title: "nav.proxy-keys" } },
        { path: "audit", name: "audit", component: () => import("@/views/AuditView.vue"), meta: { title: "nav.audit" } },
        { path: "instances", name: "instances", component: () => import("@/views/InstancesView.vue"), meta: { title: "nav.instances" } },
        { path: "settings", name: "settings", component: () => import("@/views/SettingsView.vue"), meta: { title: "nav.settings" } },
        { path: "reference", name: "reference", component: () => import("@/views/ReferenceView.vue"), meta: { title: "nav.reference" } },
        { path: ":rest(.*)*", name: "nowhere", component: () => import("@/views/NotFoundView.vue"), meta: { title: "nowhere.title" } },
      ],
    },
  ],
});

/** The page that was loaded anew because the code of another was gone. */
const RELOADED_FOR = "akr.reloadedFor";

// After an upgrade the code of pages that were not open yet is gone. The server's new panel knows the address: once, so that
// a page that is broken is not loaded for ever.
router.onError(async (_, to) => {
  if (sessionStorage.getItem(RELOADED_FOR) === to.fullPath) return;
  const answer = await window.fetch(to.fullPath, { method: "HEAD" }).catch(() => null);
  if (!answer?.ok) return;
  sessionStorage.setItem(RELOADED_FOR, to.fullPath);
  window.location.assign(to.fullPath);
});
router.afterEach((_to, _from, failure) => {
  if (!failure) sessionStorage.removeItem(RELOADED_FOR);
});

router.beforeEach(async (to) => {
  const session = useSession();
  await session.restore();
  // Nobody knows yet where it may go: `App.vue` says why, and asks again.
  if (session.outage) return false;
  if (!to.meta.isPublic && !session.isSignedIn) {
    // One signs in again over the page.
    if (session.hasEnded && hasUnsaved()) return false;
    return { name: "login", query: to.fullPath === "/" ? {} : { next: to.fullPath } };
  }
  if (to.name === "login" && session.isSignedIn) return { name: "overview" };
  return true;
});
