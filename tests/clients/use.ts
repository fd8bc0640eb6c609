// What an integrator writes with the types of openapi-typescript and the client of openapi-fetch.
// It prints what it saw as JSON; test_typescript.py says what it must be.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const client = createClient<paths>({
  baseUrl: process.env["ALLIANCE_URL"] ?? "",
  headers: { Authorization: `Bearer ${process.env["ALLIANCE_KEY"] ?? ""}` },
});

// openapi-fetch has no place for a field that is never anything but null.
type Form = Omit<components["schemas"]["SubmissionIn"], "comment">;

const form: Form = {
  instrument: "trq-s",
  rater: "client",
  client_ref: { system: "https://ehr.example/patients", value: "typescript" },
  therapist_ref: "th-7",
  session_number: 3,
  completed_at: "2026-11-20T14:05:00+01:00",
  answers: { "1": 4, "2": 3, "3": 5, "4": 4, "5": 4, "6": 5, "7": null, "8": "not_applicable", f2: 4 },
};

const post = (body: Form, key: string) =>
  client.POST("/v1/submissions", { body, params: { header: { "Idempotency-Key": key } } });

const first = await post(form, "typescript-1");
const again = await post(form, "typescript-1");
const reused = await post({ ...form, session_number: 4 }, "typescript-1");
const refused = await post({ ...form, answers: { ...form.answers, "1": 9 } }, "typescript-2");

const found = await client.POST("/v1/clients/lookup", { body: { ref: form.client_ref } });
const path = { client_id: found.data?.client_id ?? "" };
const progress = await client.GET("/v1/clients/{client_id}/progress", { params: { path } });
const etag = progress.response.headers.get("etag") ?? "";
const unchanged = await client.GET("/v1/clients/{client_id}/progress", {
  params: { path },
  headers: { "If-None-Match": etag },
});

const rapport = first.data?.scores.find((score) => score.component === "rapport");
const stage: string | null | undefined = first.data?.stage?.current;

console.log(
  JSON.stringify({
    posted: [first.response.status, again.response.status],
    replayed: [first.response.headers.get("idempotent-replayed"), again.response.headers.get("idempotent-replayed")],
    same: JSON.stringify(first.data) === JSON.stringify(again.data),
    rapport: rapport?.status === "scored" ? rapport.value : null,
    stage: typeof stage,
    reused: [reused.response.status, reused.error?.code],
    refused: [refused.response.status, refused.error?.code, refused.error?.errors],
    found: found.data?.client_id === first.data?.client_id,
    progress: [progress.response.status, progress.data?.client_id === first.data?.client_id],
    unchanged: [unchanged.response.status, unchanged.response.headers.get("etag") === etag],
  }),
);
