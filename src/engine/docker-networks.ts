// Networks and volumes on Docker.

import { isIP } from 'node:net';
import type Docker from 'dockerode';
import { PaasError } from '../errors.js';
import { LABEL } from './container-spec.js';
import { engineError, hasStatus } from './docker-errors.js';
import type { Engine } from './engine.js';

type NetworkCalls = Pick<
  Engine,
  'ensureVolume' | 'removeVolume' | 'ensureNetwork' | 'inspectBridge' | 'removeNetwork'
>;

const BRIDGE_NAME = 'com.docker.network.bridge.name';

/** The part of the Engine that is about networks and volumes. */
export function createNetworkCalls({ docker, instance }: { docker: Docker; instance: string }): NetworkCalls {
  const own = { [LABEL.instance]: instance };
  return {
    async ensureVolume(name, labels) {
      const volume = await orUndefined(docker.getVolume(name).inspect(), `volume ${name}`);
      if (volume !== undefined) return requireOurs(volume.Labels, instance, `Volume ${name}`);
      await orThrow(docker.createVolume({ Name: name, Labels: { ...labels, ...own } }), `volume ${name}`);
    },
    async removeVolume(name) {
      const volume = await orUndefined(docker.getVolume(name).inspect(), `volume ${name}`);
      if (volume === undefined) return;
      requireOurs(volume.Labels, instance, `Volume ${name}`);
      await orUndefined(docker.getVolume(name).remove({}), `volume ${name}`);
    },
    async ensureNetwork({ name, subnet, gateway, engineRange, isolated }) {
      const network = await orUndefined(docker.getNetwork(name).inspect(), `network ${name}`);
      if (network !== undefined) return requireOurs(network.Labels, instance, `Network ${name}`);
      await orThrow(
        docker.createNetwork({
          Name: name,
          CheckDuplicate: true,
          Driver: 'bridge',
          EnableIPv6: false,
          IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: gateway, IPRange: engineRange }] },
          Options: {
            [BRIDGE_NAME]: bridgeName(name),
            'com.docker.network.bridge.enable_icc': String(!isolated),
          },
          Labels: own,
        }),
        `network ${name}`,
      );
    },
    async inspectBridge(name) {
      const network = await orUndefined(docker.getNetwork(name).inspect(), `network ${name}`);
      if (network === undefined) return undefined;
      return {
        bridge: network.Options?.[BRIDGE_NAME] ?? `br-${network.Id.slice(0, 12)}`,
        // Steps of Dockerfile builds are listed too, under ids that no container has.
        addresses: Object.entries(network.Containers ?? {})
          .filter(([id]) => /^[0-9a-f]{64}$/.test(id))
          .map(([, { IPv4Address }]) => IPv4Address.split('/')[0] ?? '')
          .filter((address) => isIP(address) === 4),
      };
    },
    async removeNetwork(name) {
      const network = await orUndefined(docker.getNetwork(name).inspect(), `network ${name}`);
      if (network === undefined) return;
      requireOurs(network.Labels, instance, `Network ${name}`);
      await orUndefined(docker.getNetwork(name).remove(), `network ${name}`);
    },
  };
}

/**
 * The interface of a network of ours on the host, known before the network is made: rules of the host's firewall name it.
 * The kernel takes 15 characters; the end of our network names is what tells them apart.
 */
export function bridgeName(network: string): string {
  return `pa-${network.slice(-12)}`;
}

function requireOurs(
  labels: Readonly<Record<string, string>> | null | undefined,
  instance: string,
  subject: string,
): void {
  if (labels?.[LABEL.instance] === instance) return;
  throw new PaasError('forbidden', `${subject} does not belong to this install.`);
}

async function orThrow<Result>(promise: Promise<Result>, subject: string): Promise<Result> {
  return await promise.catch((error: unknown) => {
    throw engineError(error, subject);
  });
}

async function orUndefined<Result>(promise: Promise<Result>, subject: string): Promise<Result | undefined> {
  return await promise.catch((error: unknown) => {
    if (hasStatus(error, 404)) return undefined;
    throw engineError(error, subject);
  });
}
