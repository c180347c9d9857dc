// Whether an image is there, asked of the engine: somebody may have removed it by hand.

import { PaasError } from '../errors.js';
import type { Engine } from './engine.js';

/** Whether the engine has an image; throws when it does not answer. */
export async function hasImage(engine: Pick<Engine, 'inspectImage'>, image: string): Promise<boolean> {
  try {
    await engine.inspectImage(image);
    return true;
  } catch (error) {
    if (error instanceof PaasError && error.id === 'not_found') return false;
    throw error;
  }
}
