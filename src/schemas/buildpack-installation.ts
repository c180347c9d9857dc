import { type Static, Type } from 'typebox';
import { exactly } from './parts.js';

export const BuildpackInstallation = Type.Object({
  ordinal: Type.Integer(),
  buildpack: Type.Object({ name: Type.String(), url: Type.String() }),
});
export type BuildpackInstallation = Static<typeof BuildpackInstallation>;

export const SetBuildpacks = exactly({
  updates: Type.Array(exactly({ buildpack: Type.String({ maxLength: 1024 }) }), { maxItems: 100 }),
});
