// Asks the device for its key and sends the form with the answer. The one script of these pages.
"use strict";

const form = document.querySelector("form[data-passkey]");
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function ask() {
  const options = JSON.parse(form.dataset.passkey);
  options.challenge = bytes(options.challenge);
  if (!options.user) return navigator.credentials.get({ publicKey: options });
  options.user.id = bytes(options.user.id);
  for (const key of options.excludeCredentials || []) key.id = bytes(key.id);
  return navigator.credentials.create({ publicKey: options });
}

function answerOf(credential) {
  const response = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = text(credential.response[part]);
  }
  return JSON.stringify({
    id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
    clientExtensionResults: {},
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    form.elements.answer.value = answerOf(await ask());
    form.submit();
  } catch (error) {
    document.querySelector("[data-passkey-failed]").hidden = false;
  }
});

if (window.PublicKeyCredential) form.querySelector("[data-passkey-go]").hidden = false;
