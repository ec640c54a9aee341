// SPDX-License-Identifier: GPL-2.0-or-later
// Every bound of the layers above the codecs, each with its reason; docs/limits.md lists them for
// operators. Bounds of a wire format live with its codec.

/** A call of the local API names folders, data sets and one link list; a card is under 1 KB. */
export const CONTROL_BODY_SIZE_MAX = 1_048_576;

/** Packs that a data set may have; manifests, trailers and shares are held for each of them. */
export const LIVE_PACKS_MAX = 4_096;
