// Requests to the studio, and the jobs that take longer than one.
import { underWay } from "./dom.js";

const token = new URLSearchParams(location.hash.slice(1)).get("token");
const page = Math.random().toString(36).slice(2); // other pages have jobs of their own

export class Problem extends Error {
  constructor(problems, status, changed) {
    super(problems.map((each) => each.message).join("; "));
    this.problems = problems;
    this.status = status;
    this.changed = changed;
  }
}

export async function call(method, path, body, signal) {
  const headers = { Accept: "application/json", "X-Page": page };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer, found;
  underWay(1);
  try {
    answer = await fetch(path, { method, headers, signal, keepalive: method === "DELETE", body: body === undefined ? undefined : JSON.stringify(body) });
    found = await answer.json().catch(() => ({}));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem([{ message: "offline" }], 0);
  } finally {
    underWay(-1);
  }
  if (answer.ok) return found;
  const problems = found.problems || [found.error || { message: `HTTP ${answer.status}` }];
  throw new Problem(problems, answer.status, found.changed);
}

export const get = (path) => call("GET", path);
export const post = (path, body, signal) => call("POST", path, body === undefined ? {} : body, signal);

// Start a job and wait for its result. A later one in the same place stops it (the result is then null).
const latest = new Map();

export async function run(path, body, onProgress = () => {}) {
  const mine = Symbol(path);
  const before = latest.get(path);
  if (before) before.stop();
  let id = null;
  let stopped = false;
  const handle = {
    mine,
    stop: () => {
      stopped = true;
      if (id) call("DELETE", `/api/jobs/${id}`).catch(() => {});
    },
  };
  latest.set(path, handle);
  try {
    let found = await post(path, body);
    id = found.job;
    while (found.state === "running" && !stopped) {
      onProgress(found.done, found.total);
      found = await get(`/api/jobs/${id}?wait=0.5`);
    }
    if (stopped && found.state === "running") handle.stop();
    if (stopped || found.state === "stopped") return null;
    if (found.state === "failed") throw new Problem(found.problems, 422);
    return found.result;
  } finally {
    if (latest.get(path) === handle) latest.delete(path);
  }
}

export function stopRun(path) {
  const handle = latest.get(path);
  if (handle) handle.stop();
}

window.addEventListener("pagehide", () => {
  for (const handle of latest.values()) handle.stop();
});
