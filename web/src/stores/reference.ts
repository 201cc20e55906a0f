import { defineStore } from "pinia";
import { shallowRef } from "vue";
import { api, unwrap } from "@/api/client";

/** The document that describes the API of this server. */
export const useReference = defineStore("reference", () => {
  const document = shallowRef<unknown>(null);

  async function load() {
    document.value ??= await unwrap<unknown>(api.GET("/api/admin/openapi.json"));
  }

  return { document, load };
});
