// Calls to the sandbox. A refusal or a missing answer is thrown as an Error, a refusal with its `status`.
import { person } from "./context.js";

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw Object.assign(new Error(`${response.status} ${path}`), { status: response.status });
  return response.json();
}

const mine = (path) => `/sandbox/v1/fans/${person.fan}/${path}`;

export const people = () => call("GET", "/sandbox/v1/fans");
export const createPerson = (data) => call("POST", "/sandbox/v1/fans", data);
export const chats = () => call("GET", `/phone/${person.fan}/chats`);
export const markRead = (appid, seq) => call("POST", `/phone/${person.fan}/read`, { appid, seq });
export const follow = (appid) => call("POST", mine("follow"), { appid });
export const unfollow = (appid) => call("POST", mine("unfollow"), { appid });
export const sendText = (appid, content) => call("POST", mine("send"), { appid, msgtype: "text", content });
export const entries = (appid, after) =>
  call("GET", `${mine("inbox")}?all=1&appid=${encodeURIComponent(appid)}&after=${after}`);
