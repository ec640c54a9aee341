// SPDX-License-Identifier: GPL-2.0-or-later
// The amule.conf of a core that we run. It is ours: it is written anew at each start, so a change
// made with amulegui lasts until then. Keys and defaults: Preferences.cpp of aMule 2.3.3.
import { CORE_CUT_TIMEOUT_MS, CORE_REQUESTED_SIZE_MAX } from '../base/limits.ts';
import { storedPassword } from '../ec/login.ts';

/** KiB/s over all trusted clients; 0 is no limit. */
export interface CoreLimits {
  readonly upload: number;
  readonly download: number;
}

export interface AmuleConfInit {
  /** Absolute; what the core has in the works, and where what it completes by itself goes. */
  readonly tempPath: string;
  readonly incomingPath: string;
  /** Local IPv4 address of eD2k; 0.0.0.0 for all. */
  readonly address: string;
  /** eD2k TCP. The core also takes UDP port + 3 for talks with servers, of which it has none. */
  readonly port: number;
  /** Of the traffic with trusted clients. */
  readonly limits?: CoreLimits;
  /** Absolute; files elsewhere are neither shared nor fetched. Default: the whole file system. */
  readonly storeRoot?: string;
  /** Absolute, in a folder that only the core's user enters. Default: none. */
  readonly controlSocketPath?: string;
  /** External connections on 127.0.0.1; undefined: off. */
  readonly ec: { readonly port: number; readonly password: string } | undefined;
}

/** No servers, no Kad, no UPnP, no obfuscation, no limits but those of the wire and the disk. */
export function amuleConf(init: AmuleConfInit): string {
  return sections({
    eMule: {
      AppVersion: '2.3.3',
      Nick: 'muleplex',
      Address: init.address === '0.0.0.0' ? '' : init.address,
      Port: init.port,
      // Must differ from port + 3. Off all the same: it serves Kad and queue ranks.
      UDPPort: init.port + 4,
      UDPEnable: false,
      ConnectToED2K: false,
      ConnectToKad: false,
      Autoconnect: false,
      Reconnect: false,
      UPnPEnabled: false,
      SmartIdCheck: false,
      NewVersionCheck: false,
      GeoIPEnabled: false,
      IPFilterAutoLoad: false,
      // Sites of an organization often have private addresses.
      FilterLanIPs: false,
      ParanoidFiltering: false,
      // Of clients that are not trusted. 0 is no limit in the patched core; in the stock one it
      // ramps up for minutes.
      MaxUpload: 0,
      MaxDownload: 0,
      // KiB/s that an upload slot is worth: few slots, so that each trusted client gets a full one.
      SlotAllocation: 20_000,
      MaxConnections: 500,
      MaxConnectionsPerFiveSeconds: 100,
      MaxSourcesPerFile: 300,
      // In units of 15,000 bytes.
      FileBufferSizePref: 255,
      QueueSizePref: 50,
      // Intelligent corruption handling hashes a bad part again at each flush; we fetch it anew.
      ICH: false,
      AICHTrust: false,
      AllocateFullFile: false,
      // Space is reserved before a fetch begins, by who knows what else will need it.
      CheckDiskspace: false,
      AddNewFilesPaused: false,
      StartNextFile: false,
      // Nobody may list our shares.
      SeeShare: 2,
      TempDir: rawPath(init.tempPath),
      IncomingDir: rawPath(init.incomingPath),
      OnlineSignature: false,
      FilterAllMessages: true,
    },
    ExternalConnect: {
      AcceptExternalConnections: init.ec !== undefined,
      ECAddress: '127.0.0.1',
      ECPort: init.ec?.port ?? 4712,
      ECPassword: init.ec === undefined ? '' : storedPassword(init.ec.password),
      UPnPECEnabled: false,
      IpFilterClients: false,
      IpFilterServers: false,
    },
    Obfuscation: {
      IsClientCryptLayerSupported: false,
      IsCryptLayerRequested: false,
      IsClientCryptLayerRequired: false,
    },
    WebServer: { Enabled: false },
    Muleplex: {
      MaxTrustedUpload: init.limits?.upload ?? 0,
      MaxTrustedDownload: init.limits?.download ?? 0,
      CutTimeout: CORE_CUT_TIMEOUT_MS,
      MaxRequested: CORE_REQUESTED_SIZE_MAX / 2 ** 20,
      StoreRoot: rawPath(init.storeRoot ?? ''),
      ControlSocket: rawPath(init.controlSocketPath ?? ''),
    },
  });
}

/** CPath::FromUniv takes each character for one byte of the path. */
function rawPath(path: string): string {
  return Buffer.from(path, 'utf8').toString('latin1');
}

type Values = Readonly<Record<string, string | number | boolean>>;

function sections(all: Readonly<Record<string, Values>>): string {
  return Object.entries(all)
    .map(([name, values]) => {
      const lines = Object.entries(values).map(([key, value]) => `${key}=${encoded(value)}`);
      return `[${name}]\n${lines.join('\n')}\n`;
    })
    .join('');
}

/**
 * wxFileConfig unescapes backslashes, trims, strips quotes and then expands $VARIABLES, which a
 * backslash of its own prevents.
 */
function encoded(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number') return String(value);
  const expanded = value.replaceAll(/[$%]/g, '\\$&');
  const escaped = expanded
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return /^\s|\s$|^"/.test(value) ? `"${escaped}"` : escaped;
}
