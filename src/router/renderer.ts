// Renders states for a router that is told again and again what most often is what it was: that one is kept.

import { type RenderedRouter, renderRouter } from './config.js';
import type { RouterState } from './router-state.js';
import type { RouterSettings } from './settings.js';

/** As `renderRouter`; a state that equals the one before gives the same rendering. */
export function createRenderer(settings: RouterSettings): (state: RouterState | undefined) => RenderedRouter {
  let newest: { readonly told: string | undefined; readonly rendered: RenderedRouter } | undefined;
  return (state) => {
    const told = JSON.stringify(state);
    if (newest === undefined || newest.told !== told)
      newest = { told, rendered: renderRouter(settings, state) };
    return newest.rendered;
  };
}
