// Writes Ui/Lucide.cs: the shapes of the icons that stand in icons.txt, taken from lucide-static. Run `npm ci && npm run icons` after changing the list.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const lucide = dirname(createRequire(import.meta.url).resolve("lucide-static/package.json"));
const { version } = JSON.parse(await readFile(join(lucide, "package.json"), "utf8"));
const names = (await readFile(join(here, "icons.txt"), "utf8")).split(/\s+/).filter(Boolean).sort();
const lines = [];
for (const name of names) {
  const svg = await readFile(join(lucide, "icons", `${name}.svg`), "utf8");
  const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>")).replace(/\s+/g, " ").replaceAll(" />", "/>").replaceAll("> <", "><").trim();
  const constant = name.split("-").map((word) => word[0].toUpperCase() + word.slice(1)).join("");
  lines.push(`    public static Shape ${constant} { get; } = new("""${inner}""");`);
}
await writeFile(join(here, "../../Ui/Lucide.cs"), `// Made by Assets/build/icons.mjs from lucide-static ${version} (ISC licence, https://lucide.dev/license).
namespace Tracepipe.Storefront.Ui;

/// <summary>What is inside an icon's 24 by 24 box.</summary>
public readonly record struct Shape(string Svg);

/// <summary>The Lucide icons this program uses; to add one, name it in Assets/build/icons.txt.</summary>
public static class Lucide
{
${lines.join("\n")}
}
`);
