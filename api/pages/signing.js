"use strict";
// Asks the authenticator, and sends the form with its answer. Nothing is fetched, nothing is kept.
(() => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  const sha256 = (data) => crypto.subtle.digest("SHA-256", data);
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (b) => b.toString(16).padStart(2, "0")).join("");
  const utf8 = (text) => new TextEncoder().encode(text);

  const assert = async (rp, ids, challenge) => {
    const got = await navigator.credentials.get({
      publicKey: {
        challenge,
        rpId: rp,
        allowCredentials: ids.map((id) => ({ type: "public-key", id: bytes(id) })),
        userVerification: "required",
        timeout: 120000,
      },
    });
    const said = {
      authenticator_data: base64(got.response.authenticatorData),
      client_data: base64(got.response.clientDataJSON),
      signature: base64(got.response.signature),
    };
    return { id: base64(got.rawId), said };
  };

  // With a key that the person has: what is signed names what it is for.
  const approve = async (config, what) => {
    if (!config.present.length) return {};
    const challenge = await sha256(utf8(config.approval + what));
    const made = await assert(config.rp, config.present.map((each) => each.id), challenge);
    const key = config.present.find((each) => each.id === made.id).key;
    return { approval: { key, assertion: made.said } };
  };

  const create = async (config) => {
    const made = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(config.creation),
        rp: { id: config.rp, name: config.rp },
        user: { id: bytes(config.user), name: config.name, displayName: config.name },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }],
        authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
        excludeCredentials: config.present.map((each) => ({ type: "public-key", id: bytes(each.id) })),
        attestation: "none",
        timeout: 120000,
      },
    });
    const data = made.response.getAuthenticatorData();
    const possession = await assert(config.rp, [base64(made.rawId)], bytes(config.possession));
    return {
      authenticator_data: base64(data),
      client_data: base64(made.response.clientDataJSON),
      possession: possession.said,
      ...(await approve(config, hex(await sha256(data)))),
    };
  };

  const deeds = {
    // The challenge follows from the very text on the page, not from what the page says its hash is.
    sign: async (form, config) => {
      const text = form.elements.statement.value;
      if (document.getElementById("statement").textContent !== text) throw new Error("statement");
      return (await assert(config.rp, [config.id], await sha256(utf8(text)))).said;
    },
    create: (form, config) => create(config),
    approve: (form, config) => approve(config, config.what),
  };

  for (const form of document.querySelectorAll("form[data-deed]")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      const fault = form.querySelector("[role=alert]");
      button.disabled = true;
      fault.hidden = true;
      try {
        const config = JSON.parse(form.dataset.config);
        form.elements.made.value = JSON.stringify(await deeds[form.dataset.deed](form, config));
        form.submit();
      } catch (error) {
        fault.textContent = `${form.dataset.failed} (${error.name})`;
        fault.hidden = false;
        button.disabled = false;
      }
    });
  }
})();
