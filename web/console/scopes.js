// What an access token may be good for.
// @ts-check

export const AUDIT = "audit:read";
export const ADMIN = "sessions:admin";
export const ERASE = "subjects:erase";
