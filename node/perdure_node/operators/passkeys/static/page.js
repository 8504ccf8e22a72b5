// Asks the browser for a passkey, and sends its answer to the command that waits for it. Nothing else.
"use strict";

const main = document.querySelector("main");
const told = document.getElementById("told");
const use = document.getElementById("use");
const cancel = document.getElementById("cancel");

function toBytes(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function toText(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function publicKeyOptions() {
  const options = JSON.parse(main.dataset.options);
  options.challenge = toBytes(options.challenge);
  if (options.user) options.user.id = toBytes(options.user.id);
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    for (const each of options[list] || []) each.id = toBytes(each.id);
  }
  return { publicKey: options };
}

function answerOf(credential) {
  const response = { clientDataJSON: toText(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  return { id: credential.id, rawId: toText(credential.rawId), type: credential.type, response };
}

function tell(text, kind) {
  told.textContent = text;
  told.className = kind;
}

function end(text, kind) {
  tell(text, kind);
  document.getElementById("buttons").hidden = true;
}

async function send(answer, thanks) {
  let response;
  try {
    response = await fetch("answer", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(answer),
    });
  } catch {
    end("The command has ended, or its time is over. Start it again.", "bad");
    return;
  }
  if (response.ok) {
    end(thanks, "good");
  } else {
    const refusal = await response.json().catch(() => ({ message: "the command did not take the answer" }));
    (response.status === 410 ? end : tell)(refusal.message, "bad");
  }
}

const REASONS = {
  NotAllowedError: "It was cancelled, took too long, or the passkey is not here. You can try again.",
  InvalidStateError: "This authenticator is enrolled already: take another one.",
  NotSupportedError: "This authenticator cannot do what is needed: take another one.",
  SecurityError: "The browser does not allow passkeys at this address.",
};

async function ask() {
  use.disabled = true;
  tell("Follow what your browser asks.", "");
  try {
    const credential = await navigator.credentials[main.dataset.verb](publicKeyOptions());
    await send(answerOf(credential), "Done. You can close this page, and go back to the terminal.");
  } catch (error) {
    tell(REASONS[error.name] || `The browser says: ${error.message}`, "bad");
  } finally {
    use.disabled = false;
  }
}

if (window.PublicKeyCredential) {
  use.addEventListener("click", ask);
} else {
  use.disabled = true;
  tell("This browser knows no passkeys: open this page in another one.", "bad");
}
cancel.addEventListener("click", () => send({ cancelled: true }, "Cancelled. You can close this page."));
