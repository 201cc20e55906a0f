import { ArrowLeftRight, BookOpen, Boxes, FlaskConical, Gauge, Plug, ScrollText, Server, Settings, Ticket } from "@lucide/vue";

/** Where the navigation leads, in its order. */
export const PAGES = [
  { name: "overview", icon: Gauge },
  { name: "services", icon: Boxes },
  { name: "requests", icon: ArrowLeftRight },
  { name: "playground", icon: FlaskConical },
  { name: "connect", icon: Plug },
  { name: "proxy-keys", icon: Ticket },
  { name: "audit", icon: ScrollText },
  { name: "instances", icon: Server },
  { name: "settings", icon: Settings },
  { name: "reference", icon: BookOpen },
] as const;
