// Verifies seals with npm's jose, each by the certificate that it carries.
//
//   npm install --global jose@5
//   NODE_PATH=$(npm root --global) node tools/seal.cjs FILE.jws…
const { readFileSync } = require("node:fs");
const { X509Certificate } = require("node:crypto");
const { compactVerify, decodeProtectedHeader, importX509 } = require("jose");

async function main() {
  for (const path of process.argv.slice(2)) {
    const seal = readFileSync(path, "utf8");
    const header = decodeProtectedHeader(seal);
    const certificate = new X509Certificate(Buffer.from(header.x5c[0], "base64"));
    const key = await importX509(certificate.toString(), header.alg);
    const { payload } = await compactVerify(seal, key, { algorithms: ["ES256", "EdDSA"] });
    const said = JSON.parse(new TextDecoder().decode(payload));
    console.log(`${said.id} sealed for ${said.source}, sequence ${said.sequence}: good`);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
