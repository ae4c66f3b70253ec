-- Who could change what is recorded.
-- No parameters. One row: the owner of the events; whether the login may act as it; the roles, among the login and
-- those of the service, with rights to change or remove events; tables without their triggers, or with idle ones.
WITH tables AS (
  SELECT 'events'::regclass AS oid
  UNION ALL
  SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'events'::regclass
), owner AS (
  SELECT relowner AS oid FROM pg_class WHERE pg_class.oid = 'events'::regclass
)
SELECT
  pg_get_userbyid(owner.oid)::text,
  pg_has_role(session_user, owner.oid, 'MEMBER'),
  ARRAY(
    SELECT role.rolname::text
    FROM pg_roles AS role
    WHERE role.rolname IN (session_user, 'token_ledger_service', 'token_ledger_reader')
      AND EXISTS (
        SELECT
        FROM tables
        WHERE has_any_column_privilege(role.oid, tables.oid, 'UPDATE')
          OR has_table_privilege(role.oid, tables.oid, 'DELETE')
          OR has_table_privilege(role.oid, tables.oid, 'TRUNCATE')
      )
    ORDER BY role.rolname
  ),
  ARRAY(
    SELECT tables.oid::regclass::text
    FROM tables
    WHERE 2 > (
      SELECT count(*)
      FROM pg_trigger
      WHERE tgrelid = tables.oid
        AND tgname IN ('append_only', 'no_truncate')
        AND tgenabled = 'A'
    )
    ORDER BY 1
  )
FROM owner
