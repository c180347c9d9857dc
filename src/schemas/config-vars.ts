import { Type } from 'typebox';
import { NullableString } from './parts.js';

export const ConfigVars = Type.Record(Type.String(), Type.String());

/** A string sets a config var, null takes it away. */
export const ChangeConfigVars = Type.Record(Type.String(), NullableString);
