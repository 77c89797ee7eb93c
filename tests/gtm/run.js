// Runs a template's own tests, each in a sandbox of its own. In: {code, permissions, context,
// scenarios: [{name, code}], setup} as JSON. Out: {name: what went wrong, or null} as JSON.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

// The standard library that the sandbox documents. Nothing else is in its realm.
const LEFT = {
  Array: ["concat", "every", "filter", "forEach", "indexOf", "join", "lastIndexOf", "map", "pop", "push", "reduce",
    "reduceRight", "reverse", "shift", "slice", "some", "sort", "splice", "toString", "unshift"],
  String: ["charAt", "concat", "indexOf", "lastIndexOf", "match", "replace", "search", "slice", "split", "substring",
    "toLowerCase", "toLocaleLowerCase", "toString", "toUpperCase", "toLocaleUpperCase", "trim"],
  Number: ["toString"],
  Boolean: ["toString"],
  Object: ["hasOwnProperty", "toString"],
};

// "constructor" stays, for functions are made with it; the check of the syntax keeps it out of a template.
function prune(realm) {
  for (const [name, kept] of Object.entries(LEFT)) {
    const prototype = vm.runInContext(`${name}.prototype`, realm);
    for (const each of Object.getOwnPropertyNames(prototype)) {
      if (![...kept, "constructor", "length"].includes(each)) delete prototype[each];
    }
  }
}

const given = JSON.parse(fs.readFileSync(0, "utf8"));
const source = fs.readFileSync(path.join(__dirname, "sandbox.js"), "utf8");
const results = {};

for (const { name, code } of given.scenarios) {
  const realm = vm.createContext({}, { codeGeneration: { strings: true, wasm: false } });
  vm.runInContext(`${source};globalThis.gtmSandbox = gtmSandbox;`, realm);
  // As text, so that the realm has values of its own alone.
  realm.given = JSON.stringify({ ...given, host: {}, test: `${given.setup}\n${code}` });
  prune(realm);
  try {
    vm.runInContext("{ const all = JSON.parse(given); gtmSandbox(all).runTest(all.test); }", realm);
    results[name] = null;
  } catch (error) {
    results[name] = `${error && error.message}`;
  }
}
process.stdout.write(JSON.stringify(results));
