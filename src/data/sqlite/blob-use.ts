/** Uploads, and which blobs nothing holds any more. */
import { newId } from '../../base/ids.ts';
import type { KeptUpload, NewUpload } from '../port/messages.ts';
import { prepared } from './database.ts';
import { spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

const UPLOAD_KEPT_MS = 86_400_000;
const MOST_FORGOTTEN = 100;
/** A message that names an upload may be on its way when the upload expires. */
const GRACE_MS = 60_000;

/** Those of the blobs that no stored message, no upload and no mail that came in holds. */
export function unusedBlobs(state: WriterState, candidates: readonly string[]): string[] {
  state.flushRows();
  const used = prepared(
    state.db,
    `SELECT 1 FROM blob_use WHERE sha256 = ?1 UNION ALL SELECT 1 FROM attachment WHERE sha256 = ?1
     UNION ALL SELECT 1 FROM inbound WHERE blob = ?1 LIMIT 1`,
  );
  return [...new Set(candidates)].filter((sha256) => used.get(sha256) === undefined);
}

/** Uploads live on real time, also those of test mode: they are about the disk. */
export function putUpload(state: WriterState, upload: NewUpload): KeptUpload {
  const forgotten = forgetExpired(state);
  const id = upload.id ?? newId('att');
  prepared(
    state.db,
    `INSERT INTO attachment (id, space, sha256, size, filename, content_type, created_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  ).run(
    id,
    spaceOf(upload.tenantNo, upload.mode),
    upload.sha256,
    upload.size,
    upload.filename,
    upload.contentType,
    state.realNow,
    state.realNow + UPLOAD_KEPT_MS,
  );
  const kept = prepared(state.db, 'SELECT sha256, expires_at FROM attachment WHERE id = ?').get(id)!;
  const sha256 = String(kept['sha256']);
  const unused = unusedBlobs(state, sha256 === upload.sha256 ? forgotten : [...forgotten, upload.sha256]);
  return { id, sha256, expiresAt: Number(kept['expires_at']), unused };
}

/** Rows lie in order of expiry, so the oldest are looked at first. */
export function forgetExpired(state: WriterState): string[] {
  const oldest = prepared(state.db, 'SELECT no, sha256, expires_at FROM attachment ORDER BY no LIMIT ?').all(
    MOST_FORGOTTEN,
  ) as { no: number; sha256: string; expires_at: number }[];
  const expired = oldest.filter((row) => row.expires_at <= state.realNow - GRACE_MS);
  const forget = prepared(state.db, 'DELETE FROM attachment WHERE no = ?');
  for (const { no } of expired) forget.run(no);
  return expired.map(({ sha256 }) => sha256);
}
