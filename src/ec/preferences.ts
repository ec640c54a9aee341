// SPDX-License-Identifier: GPL-2.0-or-later
// The preferences of a core that matter for replication, out of the groups that EC offers
// (ECSpecialMuleTags.cpp, CEC_Prefs_Packet).
import { emptyTag, intTag, textTag } from './tag.ts';
import type { EcTag } from './tag.ts';
import type { TagView } from './tag-view.ts';
import { EC_TAG } from './tags.ts';

/** EC_PREFS_GENERAL, _CONNECTIONS, _FILES, _DIRECTORIES and _SECURITY (ECCodes.abstract). */
export const PREFERENCE_GROUPS = 0x2 | 0x4 | 0x80 | 0x200 | 0x800;

export interface Preferences {
  readonly nick: string;
  readonly userHash: string;
  readonly tcpPort: number;
  /** KiB per second, 0 = no limit. */
  readonly uploadMax: number;
  readonly downloadMax: number;
  /** KiB per second that an upload slot is given. */
  readonly slotAllocation: number;
  readonly connectionsMax: number;
  readonly sourcesPerFileMax: number;
  readonly ed2kOn: boolean;
  readonly kadOn: boolean;
  /** Corrupt parts are hashed again at each new block of them. */
  readonly ichOn: boolean;
  readonly incomingPath: string;
  readonly tempPath: string;
  readonly filterLan: boolean;
  readonly obfuscationOn: boolean;
}

/** The preferences that can be changed while the core runs. */
export type PreferencesChange = Partial<
  Pick<
    Preferences,
    | 'nick'
    | 'uploadMax'
    | 'downloadMax'
    | 'slotAllocation'
    | 'connectionsMax'
    | 'sourcesPerFileMax'
    | 'ichOn'
    | 'filterLan'
  >
>;

/** Booleans come as a tag that is there or not. */
export function readPreferences(reply: TagView): Preferences {
  const general = reply.need(EC_TAG.PREFS_GENERAL);
  const connections = reply.need(EC_TAG.PREFS_CONNECTIONS);
  const files = reply.need(EC_TAG.PREFS_FILES);
  const directories = reply.need(EC_TAG.PREFS_DIRECTORIES);
  const security = reply.need(EC_TAG.PREFS_SECURITY);
  return {
    nick: general.need(EC_TAG.USER_NICK).text(),
    userHash: general.need(EC_TAG.USER_HASH).hash(),
    tcpPort: connections.need(EC_TAG.CONN_TCP_PORT).int(0xffff),
    uploadMax: connections.need(EC_TAG.CONN_MAX_UL).int(),
    downloadMax: connections.need(EC_TAG.CONN_MAX_DL).int(),
    slotAllocation: connections.need(EC_TAG.CONN_SLOT_ALLOCATION).int(),
    connectionsMax: connections.need(EC_TAG.CONN_MAX_CONN).int(),
    sourcesPerFileMax: connections.need(EC_TAG.CONN_MAX_FILE_SOURCES).int(),
    ed2kOn: connections.find(EC_TAG.NETWORK_ED2K) !== undefined,
    kadOn: connections.find(EC_TAG.NETWORK_KADEMLIA) !== undefined,
    ichOn: files.find(EC_TAG.FILES_ICH_ENABLED) !== undefined,
    incomingPath: directories.need(EC_TAG.DIRECTORIES_INCOMING).text(),
    tempPath: directories.need(EC_TAG.DIRECTORIES_TEMP).text(),
    filterLan: security.find(EC_TAG.IPFILTER_FILTER_LAN) !== undefined,
    obfuscationOn: security.find(EC_TAG.SECURITY_OBFUSCATION_SUPPORTED) !== undefined,
  };
}

/** The group tags of a change; none for an empty one. */
export function preferencesTags(change: PreferencesChange): EcTag[] {
  const groups: [number, (EcTag | undefined)[]][] = [
    [
      EC_TAG.PREFS_GENERAL,
      [change.nick === undefined ? undefined : textTag(EC_TAG.USER_NICK, change.nick)],
    ],
    [
      EC_TAG.PREFS_CONNECTIONS,
      [
        number(EC_TAG.CONN_MAX_UL, change.uploadMax),
        number(EC_TAG.CONN_MAX_DL, change.downloadMax),
        number(EC_TAG.CONN_SLOT_ALLOCATION, change.slotAllocation),
        number(EC_TAG.CONN_MAX_CONN, change.connectionsMax),
        number(EC_TAG.CONN_MAX_FILE_SOURCES, change.sourcesPerFileMax),
      ],
    ],
    [EC_TAG.PREFS_FILES, [flag(EC_TAG.FILES_ICH_ENABLED, change.ichOn)]],
    [EC_TAG.PREFS_SECURITY, [flag(EC_TAG.IPFILTER_FILTER_LAN, change.filterLan)]],
  ];
  return groups.flatMap(([group, tags]) => {
    const given = tags.filter((tag) => tag !== undefined);
    return given.length === 0 ? [] : [emptyTag(group, given)];
  });
}

function number(id: number, value: number | undefined): EcTag | undefined {
  return value === undefined ? undefined : intTag(id, value);
}

function flag(id: number, value: boolean | undefined): EcTag | undefined {
  return value === undefined ? undefined : intTag(id, value ? 1 : 0);
}
