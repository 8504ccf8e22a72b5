// Compiles src/*.sol with the pinned solc-js and writes one artifact a contract: node build.mjs OUTPUT_FOLDER
// Deterministic: no metadata in the bytecode, sorted keys, and nothing of the machine or the moment in the output.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const CONTRACTS = ["AnchorRegistry", "Consortium"];
const SETTINGS = {
  evmVersion: "london",
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  optimizer: { enabled: true, runs: 200 },
};

function compile() {
  const solc = require("solc");
  const sources = Object.fromEntries(
    readdirSync(join(here, "src"))
      .sort()
      .map((file) => [`src/${file}`, { content: readFileSync(join(here, "src", file), "utf8") }]),
  );
  const outputSelection = {
    "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"] },
  };
  const input = { language: "Solidity", sources, settings: { ...SETTINGS, outputSelection } };
  const readImport = (path) => ({ contents: readFileSync(join(here, "node_modules", path), "utf8") });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
  const complaints = (output.errors ?? []).map((error) => error.formattedMessage); // a warning stops the build as well
  if (complaints.length > 0) throw new Error(complaints.join("\n"));
  return { output, version: solc.version() };
}

function artifact(name, { output, version }) {
  const { keccak256 } = require("js-sha3");
  const { abi, evm } = output.contracts[`src/${name}.sol`][name];
  if (Object.keys(evm.deployedBytecode.immutableReferences ?? {}).length > 0) {
    throw new Error(`${name} has immutables: its deployed code would not equal the artifact's`);
  }
  const runtime = Buffer.from(evm.deployedBytecode.object, "hex");
  return {
    contractName: name,
    compiler: { name: "solc", version: version.replace(".Emscripten.clang", ""), settings: SETTINGS },
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    runtimeHash: `0x${keccak256(runtime)}`,
    runtimeSize: runtime.length,
  };
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

const folder = process.argv[2];
if (folder === undefined) {
  console.error("usage: node build.mjs OUTPUT_FOLDER");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const compiled = compile();
for (const name of CONTRACTS) {
  const built = artifact(name, compiled);
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(sorted(built), null, 2) + "\n");
  console.log(`${name}: ${built.runtimeSize} bytes, code hash ${built.runtimeHash}`);
}
