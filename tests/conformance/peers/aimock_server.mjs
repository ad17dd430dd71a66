// GPT-Live server of aimock 1.43.0: compares the set-up field by field and the sound byte by byte with a fixture.
// argv: NODE_MODULES FIXTURE PORT
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [modules, fixture, port] = process.argv.slice(2);
const { LLMock } = createRequire(resolve(modules, "from-here.js"))("@copilotkit/aimock");
const mock = new LLMock({ port: Number(port), host: "127.0.0.1", logLevel: "info" });
mock.loadFixtureFile(fixture);
await mock.start();
console.log("up", mock.url);
