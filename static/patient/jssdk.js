'use strict';
// The phone's own map, place and scanner, through WeChat's script. Pages work without: then `phone()` gives null.
const PATIENCE = 4000; // milliseconds until a page goes on without
const told = document.querySelector('meta[name="phone"]');
const share = document.querySelector('meta[name="share"]');
let found;

/** WeChat's script, once it has found the page's signature right; null where there is none. */
export const phone = () => (found ??= ready());

/** What a call of the script answers; null where the person refused, or nothing came in time. */
export const ask = (wx, call, options = {}, patience = PATIENCE) =>
  new Promise((resolve) => {
    const none = () => resolve(null);
    wx[call]({ ...options, success: resolve, fail: none, cancel: none });
    setTimeout(none, patience);
  });

async function ready() {
  const inWeChat = told && (/micromessenger/i.test(navigator.userAgent) || 'sandboxed' in told.dataset);
  if (!inWeChat) return null;
  const [config, wx] = await Promise.all([signed(), script()]).catch(() => [null, null]);
  if (!config?.signature || !wx) return null;
  return new Promise((resolve) => {
    wx.ready(() => {
      if (share) passOn(wx);
      resolve(wx);
    });
    wx.error(({ errMsg }) => {
      console.warn(errMsg);
      resolve(null);
    });
    wx.config({ debug: false, ...config });
    setTimeout(() => resolve(null), PATIENCE);
  });
}

async function signed() {
  const page = location.href.split('#')[0]; // what stands behind # is not signed
  const answer = await fetch(`${told.content}?url=${encodeURIComponent(page)}`);
  return answer.ok ? answer.json() : null;
}

function script() {
  // WeChat's file from npm is a CommonJS module; it leaves what it makes on the window.
  window.module ??= { exports: {} };
  return new Promise((resolve, reject) => {
    const node = document.createElement('script');
    node.src = told.dataset.script;
    node.addEventListener('load', () => resolve(window.jWeixin || window.wx));
    node.addEventListener('error', reject);
    document.head.append(node);
  });
}

function passOn(wx) {
  const picture = share.dataset.picture;
  wx.updateAppMessageShareData({
    title: share.content,
    desc: share.dataset.text,
    link: location.href.split('#')[0],
    imgUrl: picture && new URL(picture, location.href).href,
  });
}
