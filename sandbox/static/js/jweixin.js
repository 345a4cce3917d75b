// Stands in for WeChat's script on pages inside the phone: asks the phone around the page, and passes on its answers.
// What the page's address was when it asked is what must have been signed. Outside of a phone nothing ever answers.
(() => {
  const phone = window.parent === window ? null : window.parent;
  const answers = new Map();
  const readies = [];
  const errors = [];
  let count = 0;
  let granted = null; // the calls that the page may make, once its signature is found right

  function ask(call, data, done) {
    if (!phone) return;
    count += 1;
    answers.set(count, done);
    // Whom the page may be framed by, its own policy says.
    phone.postMessage({ jweixin: call, id: count, data }, "*");
  }

  addEventListener("message", ({ source, data }) => {
    const done = source === phone && data && answers.get(data.jweixin);
    if (!done) return;
    answers.delete(data.jweixin);
    done(data.result);
  });

  function tell(options, result) {
    const [, how = ""] = result.errMsg.split(":");
    if (how.startsWith("ok")) options.success?.(result);
    else if (how.startsWith("cancel")) options.cancel?.(result);
    else options.fail?.(result);
    options.complete?.(result);
  }

  const call = (name) => (options = {}) => {
    if (!granted?.includes(name)) {
      tell(options, { errMsg: `${name}:fail, the permission value is offline verifying` });
      return;
    }
    const { success, fail, cancel, complete, trigger, ...data } = options;
    ask(name, data, (result) => tell(options, result));
  };

  const wx = {
    config(options) {
      const url = location.href.split("#")[0];
      ask("config", { ...options, url }, (result) => {
        if (result.errMsg === "config:ok") {
          granted = options.jsApiList || [];
          readies.splice(0).forEach((ready) => ready());
        } else {
          errors.forEach((failed) => failed(result));
        }
      });
    },
    ready(callback) {
      if (granted) callback();
      else readies.push(callback);
    },
    error: (callback) => errors.push(callback),
    checkJsApi: ({ jsApiList = [], success }) =>
      success?.({
        checkResult: Object.fromEntries(jsApiList.map((name) => [name, typeof wx[name] === "function"])),
        errMsg: "checkJsApi:ok",
      }),
  };
  for (const name of [
    "getLocation", "openLocation", "scanQRCode", "closeWindow", "updateAppMessageShareData", "updateTimelineShareData",
  ]) wx[name] = call(name);
  window.jWeixin = wx;
  window.wx ??= wx;
})();
