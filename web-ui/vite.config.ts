import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';

const apiPaths = ['/login', '/apps', '/account', '/sources', '/logs', '/users', '/healthz'];
const target = 'http://127.0.0.1:7070';

// No asset is inlined: the Content-Security-Policy allows neither data: URLs nor inline code.
export default defineConfig({
  plugins: [preact({ prerender: { enabled: false } })],
  base: '/',
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: 'es2022', emptyOutDir: true },
  server: { proxy: Object.fromEntries(apiPaths.map((path) => [path, target])) },
});
