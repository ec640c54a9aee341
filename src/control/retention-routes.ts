// SPDX-License-Identifier: GPL-2.0-or-later
// Routes of the local API about what is kept: rules, pins, prune.
import { ReplicationError } from '../base/errors.ts';
import { LIVE_PACKS_MAX, MERGE_PACKS_MAX, MERGE_UNUSED_MAX } from '../base/limits.ts';
import type { Maintenance } from '../replication/maintenance.ts';
import type { RetentionService } from '../replication/retention-service.ts';
import { RequestFields } from './request-fields.ts';
import type { Route } from './server.ts';

export function retentionRoutes(
  retention: RetentionService,
  maintenance: () => Maintenance,
): Route[] {
  return [...ruleRoutes(retention), ...pinRoutes(retention), pruneRoute(maintenance)];
}

function ruleRoutes(retention: RetentionService): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/retention',
      streamed: false,
      handle: ({ query }) => retention.view(required(query, 'dataset')),
    },
    {
      method: 'POST',
      path: '/v1/retention',
      streamed: false,
      handle: ({ body }) => {
        const fields = new RequestFields(body);
        return retention.set(fields.text('dataset'), {
          keepLast: fields.optionalInteger('keepLast', 1, Number.MAX_SAFE_INTEGER) ?? null,
          keepWithinMs: fields.optionalInteger('keepWithinMs', 1, Number.MAX_SAFE_INTEGER) ?? null,
        });
      },
    },
  ];
}

function pinRoutes(retention: RetentionService): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/pins',
      streamed: false,
      handle: ({ body, signal }) => {
        const fields = new RequestFields(body);
        return retention.pin(fields.text('snapshot'), fields.optionalText('dataset'), signal);
      },
    },
    {
      method: 'DELETE',
      path: '/v1/pins',
      streamed: false,
      handle: ({ query }) =>
        retention.unpin(required(query, 'snapshot'), query.get('dataset') ?? undefined),
    },
  ];
}

function pruneRoute(maintenance: () => Maintenance): Route {
  return {
    method: 'POST',
    path: '/v1/prune',
    streamed: true,
    handle: ({ body, progress, signal }) => {
      const fields = new RequestFields(body);
      return maintenance().prune({
        dataset: fields.text('dataset'),
        dryRun: fields.flag('dryRun'),
        maxUnused: fields.optionalNumber('maxUnused', 0, 1) ?? MERGE_UNUSED_MAX,
        maxPacks: fields.optionalInteger('maxPacks', 1, LIVE_PACKS_MAX) ?? MERGE_PACKS_MAX,
        signal,
        onProgress: progress,
      });
    },
  };
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value !== null && value !== '') return value;
  throw new ReplicationError('ERR_REQUEST_MALFORMED', `${name} is missing`);
}
