import type { SettingsOf } from '../core/family.ts';
import { http } from '../http/index.ts';
import { redis } from '../redis/index.ts';

/**
 * The families of protocols that a router speaks. Their doors are asked in this order about a connection's first bytes: HTTP's
 * takes whatever comes, and so stands last.
 */
export const families = [redis, http] as const;

/** What each family's answers are counted by. */
export const statusesOfFamilies = families.map(({ counted }) => counted.statuses);

/** The settings of each family, by its name. */
export type FamilySettings = { readonly [Each in (typeof families)[number] as Each['name']]: SettingsOf<Each> };
