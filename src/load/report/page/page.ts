import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LoadReport } from '../report.ts';

/** Nothing is fetched, and nothing but what stands in the page is run. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** One page with everything in it: figures, plots, tables. */
export function reportPage(report: LoadReport): string {
  const uplot = (name: string): string =>
    readFileSync(fileURLToPath(import.meta.resolve(`uplot/dist/${name}`)), 'utf8');
  const own = (name: string): string => readFileSync(new URL(`./browser/${name}`, import.meta.url), 'utf8');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(report.call)} - keyway load</title>
<style>${uplot('uPlot.min.css')}
${own('page.css')}</style>
</head>
<body>
<main id="root"></main>
<script id="report" type="application/json">${jsonInHtml(report)}</script>
<script>${uplot('uPlot.iife.min.js')}</script>
<script>${own('page.js')}</script>
</body>
</html>
`;
}

/** What comes from the other side, such as the name of a shard, must not end the script that it stands in. */
function jsonInHtml(report: LoadReport): string {
  return JSON.stringify(report).replaceAll('<', '\\u003c');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
