// Calls to the sandbox. A refusal is thrown as an Error with its `status`, a missing answer as one that is `offline`.
import { person } from "./context.js";

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  }).catch(() => {
    throw Object.assign(new Error(path), { offline: true });
  });
  if (response.ok) return response.json();
  const told = await response.json().catch(() => ({}));
  throw Object.assign(new Error(told.error || path), { status: response.status });
}

const control = (path) => `/sandbox/v1/${path}`;
const mine = (path) => control(`fans/${person.fan}/${path}`);

export const people = () => call("GET", control("fans"));
export const putPerson = (data) => call("POST", control("fans"), data);

export const home = () => call("GET", `/phone/${person.fan}/home`);
export const markRead = (appid, seq) => call("POST", `/phone/${person.fan}/read`, { appid, seq });
export const entries = (appid, after) =>
  call("GET", `${mine("inbox")}?all=1&appid=${encodeURIComponent(appid)}&after=${after}`);

export const follow = (appid) => call("POST", mine("follow"), { appid });
export const unfollow = (appid) => call("POST", mine("unfollow"), { appid });
export const send = (appid, message) => call("POST", mine("send"), { appid, ...message });
export const tapMenu = (appid, path, data = {}) => call("POST", mine("menu"), { appid, path, ...data });
export const place = () => call("GET", mine("place"));
export const checkPage = (options) => call("POST", control("jssdk/check"), options);
export const scan = (url) => call("POST", mine("scan"), { url });

export const accounts = () => call("GET", control("accounts"));
export const faults = () => call("GET", control("faults"));
export const addFault = (fault) => call("POST", control("faults"), fault);
export const liftFault = (id) => call("DELETE", control(id ? `faults/${id}` : "faults"));
export const advance = (seconds) => call("POST", control("clock"), { advance_seconds: seconds });
export const clock = () => call("GET", control("clock"));
export const calls = (after) => call("GET", control(`calls?after=${after}`));
export const pushes = (after) => call("GET", control(`pushes?after=${after}`));
export const counters = () => call("GET", control("counters"));
