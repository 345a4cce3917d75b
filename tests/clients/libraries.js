// WeChat libraries that others wrote, called line by line: JSON asked on stdin, JSON answered on stdout.
// `node libraries.js <address of the sandbox>`. Of each library the host is changed, nothing else.
"use strict";

const http = require("node:http");
const readline = require("node:readline");

const axios = require("axios");
const CoWechatApi = require("co-wechat-api");
const { OfficialAccount, ServerRequest } = require("node-easywechat");
const WechatCrypto = require("wechat-crypto");

const SANDBOX = process.argv[2];
const onSandbox = (url) => url.replace(/^https?:\/\/[a-z.]+\.weixin\.qq\.com/, SANDBOX);

// node-easywechat's web authorization has no option for its host, but speaks through axios.
axios.interceptors.request.use((request) => ({ ...request, url: onSandbox(request.url) }));

function coWechatApi({ appid, secret }) {
  const api = new CoWechatApi(appid, secret);
  api.request = (url, ...rest) => CoWechatApi.prototype.request.call(api, onSandbox(url), ...rest);
  return api;
}

function easywechat({ appid, secret, token, encoding_aes_key }) {
  return new OfficialAccount({
    app_id: appid,
    secret,
    token,
    aes_key: encoding_aes_key,
    use_stable_access_token: true,
    http: { baseURL: SANDBOX },
    oauth: { scopes: ["snsapi_userinfo"], redirect_url: "http://127.0.0.1:8000/p/x" },
  });
}

// A server written with node-easywechat as its documentation shows, on a port of its own.
function easywechatServer(account) {
  const listening = http.createServer(async (request, response) => {
    const app = easywechat(account);
    app.setRequest(await ServerRequest.createFromIncomingMessage(request));
    const server = app.getServer();
    server.addMessageListener("text", (message) => `node-easywechat read ${message.Content}`);
    server.addEventListener("subscribe", (message) => `node-easywechat greets from ${message.EventKey}`);
    const answer = await server.serve();
    response.writeHead(answer.getStatusCode(), answer.getHeaders()).end(answer.getBody().toString());
  });
  return {
    url: () => new Promise((resolve) => {
      listening.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${listening.address().port}/`));
    }),
  };
}

const LIBRARIES = {
  "co-wechat-api": coWechatApi,
  "node-easywechat": (account) => easywechat(account).getClient(),
  "node-easywechat.token": (account) => easywechat(account).getAccessToken(),
  "node-easywechat.oauth": (account) => easywechat(account).getOAuth(),
  "node-easywechat.crypto": (account) => easywechat(account).getEncryptor(),
  "node-easywechat.server": easywechatServer,
  "wechat-crypto": ({ token, encoding_aes_key, appid }) => new WechatCrypto(token, encoding_aes_key, appid),
};

function plain(value) {
  if (Buffer.isBuffer(value)) return { body: value.toString("base64") };
  if (value && value.toObject) return value.toObject();
  if (value && value.getRaw) return value.getRaw();
  return value;
}

async function main() {
  const made = {};
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    const key = JSON.stringify([asked.library, asked.account]);
    let answer;
    try {
      made[key] ??= LIBRARIES[asked.library](asked.account);
      answer = { gave: plain(await made[key][asked.method](...asked.with)) };
    } catch (error) {
      answer = { failed: `${error.name} ${error.code ?? ""}: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit();
}

main();
