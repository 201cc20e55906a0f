import { createRouter, createWebHistory } from "vue-router";
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

router.beforeEach(async (to) => {
  const session = useSession();
  await session.restore();
  if (!to.meta.isPublic && !session.isSignedIn) {
    return { name: "login", query: to.fullPath === "/" ? {} : { next: to.fullPath } };
  }
  if (to.name === "login" && session.isSignedIn) return { name: "overview" };
  return true;
});
