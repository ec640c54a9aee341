// SPDX-License-Identifier: GPL-2.0-or-later
// The local API: every route, what it takes and gives. The daemon serves it on its socket; without
// a daemon the command line calls the offline routes in its own process.
import { ReplicationError } from '../base/errors.ts';
import type { Core } from '../core/core.ts';
import type { FollowService } from '../replication/follow-service.ts';
import type { IndexRebuilder } from '../replication/index-rebuilder.ts';
import type { LinkService } from '../replication/link-service.ts';
import type { Maintenance } from '../replication/maintenance.ts';
import type { PeerAdmin } from '../replication/peer-admin.ts';
import type { PublishService } from '../replication/publish-service.ts';
import type { RetentionService } from '../replication/retention-service.ts';
import type { SiteQueries } from '../replication/site-queries.ts';
import type { Restorer } from '../replication/restorer.ts';
import type { Verifier } from '../replication/verifier.ts';
import type { WaitFor } from '../replication/waiter.ts';
import { RequestFields } from './request-fields.ts';
import { retentionRoutes } from './retention-routes.ts';
import type { Call, Route } from './server.ts';

/** What answers. The live parts are absent without a daemon. */
export interface RouteComponents {
  readonly queries: SiteQueries;
  readonly admin: PeerAdmin;
  readonly verifier: Verifier;
  readonly index: IndexRebuilder;
  readonly restorer: Restorer;
  readonly retention: RetentionService;
  readonly links: LinkService;
  readonly live?: {
    readonly core: Core;
    readonly publish: PublishService;
    readonly follows: FollowService;
    readonly maintenance: Maintenance;
  };
}

/** Longest --timeout: what a timer of Node can count (24 days). */
const TIMEOUT_MAX_MS = 2_147_483_647;

export function controlRoutes(components: RouteComponents): Route[] {
  return [
    ...readingRoutes(components),
    ...peerRoutes(components),
    ...checkingRoutes(components),
    ...datasetRoutes(components),
    ...retentionRoutes(components.retention, () => live(components).maintenance),
  ];
}

function readingRoutes({ queries, links }: RouteComponents): Route[] {
  const reading = (path: string, handle: (call: Call) => Promise<object>): Route => {
    return { method: 'GET', path, streamed: false, handle };
  };
  return [
    reading('/v1/site', () => Promise.resolve(queries.site())),
    reading('/v1/status', () => queries.status()),
    reading('/v1/peers', async () => ({ peers: await queries.peers() })),
    reading('/v1/snapshots', async ({ query }) => ({
      snapshots: await queries.snapshots(query.get('dataset') ?? undefined),
    })),
    reading('/v1/transfers', () => queries.transfers()),
    reading('/v1/links', async ({ query }) => ({
      links: await links.export(required(query, 'dataset')),
    })),
  ];
}

function peerRoutes({ admin, queries }: RouteComponents): Route[] {
  const peerView = async (siteId: string): Promise<object> => {
    const peer = (await queries.peers()).find((each) => each.siteId === siteId);
    return peer ?? { siteId };
  };
  return [
    {
      method: 'POST',
      path: '/v1/peers',
      streamed: false,
      handle: async ({ body }) => {
        const fields = new RequestFields(body);
        const card = fields.text('card');
        const { siteId } = await admin.add(card, fields.texts('rights'), fields.text('dataset'));
        return peerView(siteId);
      },
    },
    {
      method: 'DELETE',
      path: '/v1/peers',
      streamed: false,
      handle: async ({ query }) => {
        const view = await peerView(admin.find(required(query, 'site')).siteId);
        await admin.remove(required(query, 'site'));
        return view;
      },
    },
  ];
}

/** What looks at all of a data set's packs. */
function checkingRoutes({ index, verifier }: RouteComponents): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/index',
      streamed: true,
      handle: ({ body, progress, signal }) => {
        const dataset = new RequestFields(body).text('dataset');
        return index.rebuild({ dataset, signal, onProgress: progress });
      },
    },
    {
      method: 'POST',
      path: '/v1/verify',
      streamed: true,
      handle: ({ body, progress, signal }) => {
        const dataset = new RequestFields(body).text('dataset');
        return verifier.verify({ dataset, signal, onProgress: progress });
      },
    },
  ];
}

function datasetRoutes(components: RouteComponents): Route[] {
  const { links, restorer } = components;
  return [
    {
      method: 'POST',
      path: '/v1/restore',
      streamed: true,
      handle: ({ body, progress, signal }) => {
        const fields = new RequestFields(body);
        return restorer.restore({
          dataset: fields.text('dataset'),
          snapshot: fields.optionalText('snapshot'),
          paths: fields.texts('paths'),
          folder: fields.path('folder'),
          signal,
          onProgress: progress,
        });
      },
    },
    {
      method: 'POST',
      path: '/v1/links',
      streamed: false,
      handle: ({ body }) => links.add(live(components).core, new RequestFields(body).text('link')),
    },
    {
      method: 'POST',
      path: '/v1/follows',
      streamed: false,
      handle: ({ body }) => {
        const fields = new RequestFields(body);
        return live(components).follows.follow(fields.text('dataset'), fields.path('folder'));
      },
    },
    {
      method: 'POST',
      path: '/v1/publish',
      streamed: true,
      handle: ({ body, progress, signal }) => {
        const fields = new RequestFields(body);
        return live(components).publish.publish({
          folder: fields.path('folder'),
          dataset: fields.text('dataset'),
          checksum: fields.flag('checksum'),
          wait: waitFor(fields),
          timeoutMs: fields.optionalNumber('timeoutMs', 0, TIMEOUT_MAX_MS),
          signal,
          onProgress: progress,
        });
      },
    },
  ];
}

function live(components: RouteComponents): NonNullable<RouteComponents['live']> {
  if (components.live !== undefined) return components.live;
  throw new ReplicationError('ERR_DAEMON_ABSENT', 'this needs a running muleplexd');
}

function waitFor(fields: RequestFields): WaitFor {
  const value = fields.value('wait');
  if (value === 'all' || value === 'none') return value;
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw fields.error('wait', 'all, none or a number');
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value !== null && value !== '') return value;
  throw new ReplicationError('ERR_REQUEST_MALFORMED', `${name} is missing`);
}
