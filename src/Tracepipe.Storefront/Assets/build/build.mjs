// Builds what the browser loads: Tailwind over the components, the TypeScript modules, fonts and pictures. Every file goes out under a name that
// carries its own hash, with gzip and brotli beside it; manifest.json says which name belongs to which source.
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const project = join(dirname(fileURLToPath(import.meta.url)), "../..");
const assets = join(project, "Assets");
const target = join(project, "wwwroot");
await mkdir(join(project, "obj"), { recursive: true });
const work = await mkdtemp(join(project, "obj", "assets-"));

try {
  run("typescript/package.json", "tsc", ["--project", join(assets, "tsconfig.json")]);
  const tailwind = join(work, "tailwind.css");
  run("@tailwindcss/cli/package.json", "tailwindcss", ["--input", join(assets, "css/app.css"), "--output", tailwind]);
  const made = await bundle(tailwind);
  await pictures(made);
  await compress(made);
  const manifest = Object.fromEntries([...made].map(([name, file]) => [name, basename(file)]).sort());
  await writeFile(join(work, "out/manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
  await rm(target, { recursive: true, force: true });
  await rename(join(work, "out"), target);
} finally {
  await rm(work, { recursive: true, force: true });
}

/** Runs a package's own command with this Node, so that no shell and no PATH matters. */
function run(packageFile, command, args) {
  const file = createRequire(import.meta.url).resolve(packageFile);
  const { bin } = createRequire(import.meta.url)(file);
  const script = join(dirname(file), typeof bin === "string" ? bin : bin[command]);
  const done = spawnSync(process.execPath, [script, ...args], { cwd: project, encoding: "utf8" });
  if (done.status === 0) return;
  process.stderr.write(done.stdout + done.stderr);
  throw new Error(`${command} failed`);
}

/** @returns {Promise<Map<string, string>>} what a page asks for → the file that was written */
async function bundle(tailwind) {
  const modules = (await readdir(join(assets, "ts"))).filter((f) => f.endsWith(".ts") && !f.endsWith(".d.ts"));
  const styles = join(work, "app.css");
  await writeFile(styles, `@import "@fontsource-variable/inter/opsz.css";\n@import "@fontsource-variable/geist-mono/wght.css";\n@import ${JSON.stringify(tailwind)};\n`);
  const { metafile } = await build({
    absWorkingDir: project,
    entryPoints: [styles, ...modules.map((f) => join(assets, "ts", f))],
    outdir: join(work, "out"),
    entryNames: "[name].[hash]", chunkNames: "[name].[hash]", assetNames: "[name].[hash]",
    loader: { ".woff2": "file" },
    bundle: true, splitting: true, format: "esm", target: ["es2022", "chrome120", "firefox121", "safari17"], minify: true, metafile: true, legalComments: "none", logLevel: "warning",
    nodePaths: [join(project, "node_modules")],
  });
  const made = new Map();
  for (const [output, { entryPoint, inputs }] of Object.entries(metafile.outputs)) {
    const source = entryPoint ?? Object.keys(inputs)[0];
    if (source === undefined) continue;
    const name = basename(source).replace(/\.ts$/, ".js");
    made.set(entryPoint || extname(output) === ".woff2" ? name : basename(output), join(project, output));
  }
  return made;
}

async function pictures(made) {
  for (const name of await readdir(join(assets, "images"))) {
    const bytes = await readFile(join(assets, "images", name));
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase();
    const file = join(work, "out", `${basename(name, extname(name))}.${hash}${extname(name)}`);
    await writeFile(file, bytes);
    made.set(name, file);
  }
}

async function compress(made) {
  for (const file of made.values()) {
    if (![".css", ".js", ".svg"].includes(extname(file))) continue;
    const bytes = await readFile(file);
    await writeFile(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }));
    await writeFile(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  }
}
