import os, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from wlib import *

HOST, PORT, SEED = args()
DB = "c22_ddl_under_load"
SECONDS, HARD = 1, 60   # every DDL step is tried once, and for SECONDS at least; no new one after HARD
c = fresh(DB)
c.run("USE " + DB)
c.run("CREATE TABLE a (id INT PRIMARY KEY, v INT, s VARCHAR(30), d DECIMAL(10,2))")
c.run("CREATE TABLE b (k VARCHAR(20) NOT NULL, v INT, s VARCHAR(30), PRIMARY KEY (k) CLUSTERED)")
c.run("CREATE TABLE n (v INT, s VARCHAR(30))")
c.run("CREATE TABLE p (id INT PRIMARY KEY, v INT, s VARCHAR(30)) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200), PARTITION p2 VALUES LESS THAN (MAXVALUE))")
c.many("INSERT INTO a (id, v, s, d) VALUES ", [(i, i, "init", "1.5") for i in range(300)])
c.many("INSERT INTO b (k, v, s) VALUES ", [("k%d" % i, i, "init") for i in range(300)])
c.many("INSERT INTO n (v, s) VALUES ", [(i % 50, "init") for i in range(200)])
c.many("INSERT INTO p (id, v, s) VALUES ", [(i, i, "init") for i in range(300)])
stop = threading.Event()
OK = CONFLICT | SCHEMA_RACE | {1062, 1265, 1366, 1406, 1292, 1264, 1526, 1048, 1690}

def writer(w):
    def f():
        x, r = Conn(DB), rng(SEED, "w", w)
        while not stop.is_set():
            time.sleep(0.02)
            i, t = r.randrange(400), r.choice("aabbnp")
            key = "'k%d'" % i if t == "b" else str(i)
            col = "k" if t == "b" else "id"
            q = r.random()
            if t == "n":
                s = ["INSERT INTO n (v, s) VALUES (%d, 'w%d')" % (i % 50, w), "UPDATE n SET v = v + 1 WHERE v = %d LIMIT 2" % (i % 50), "DELETE FROM n WHERE v > 60 LIMIT 3"][r.randrange(3)]
                x.run(s, allow=OK)
            elif q < 0.3:
                x.run("INSERT INTO %s (%s, v, s) VALUES (%s, %d, 'w%d')" % (t, col, key, i, w), allow=OK)
            elif q < 0.6:
                x.run("UPDATE %s SET v = v + 1 WHERE %s = %s" % (t, col, key), allow=OK)
            elif q < 0.7:
                x.run("DELETE FROM %s WHERE %s = %s" % (t, col, key), allow=OK)
            elif q < 0.8:
                x.run("REPLACE INTO %s (%s, v, s) VALUES (%s, %d, 'rep')" % (t, col, key, i), allow=OK)
            elif q < 0.9:
                # a transaction that may straddle a schema change
                def body(z):
                    need(z.run("UPDATE a SET v = v + 1 WHERE id = %d" % i, allow=OK))
                    time.sleep(r.random() * 0.02)
                    need(z.run("UPDATE b SET v = v - 1 WHERE k = 'k%d'" % i, allow=OK))
                    need(z.run("INSERT INTO n (v, s) VALUES (%d, 'txn')" % (i % 50), allow=OK))
                x.txn(body, tries=3, allow=OK)
            else:
                x.run("UPDATE %s SET c1 = %d WHERE %s = %s" % (t, i, col, key), allow=OK | {1054})
        x.close()
    return f

def ddl():
    x, r = Conn(DB), rng(SEED, "ddl")
    steps = [
        "ALTER TABLE a ADD COLUMN c1 INT DEFAULT 7", "ALTER TABLE b ADD COLUMN c1 VARCHAR(10) NOT NULL DEFAULT 'x' FIRST", "ALTER TABLE a ADD INDEX kv (v)", "ALTER TABLE b ADD INDEX kvs (v, s)",
        "ALTER TABLE a MODIFY COLUMN v BIGINT", "ALTER TABLE n ADD COLUMN c1 INT", "ALTER TABLE a MODIFY COLUMN d DECIMAL(20,6)", "ALTER TABLE p ADD INDEX kv (v)", "RENAME TABLE a TO a_away", "RENAME TABLE a_away TO a",
        "ALTER TABLE p REORGANIZE PARTITION p1 INTO (PARTITION p1a VALUES LESS THAN (150), PARTITION p1b VALUES LESS THAN (200))", "ALTER TABLE a DROP COLUMN c1", "ALTER TABLE b MODIFY COLUMN v VARCHAR(20)", "TRUNCATE TABLE n",
        "ALTER TABLE b MODIFY COLUMN v INT", "ALTER TABLE a DROP INDEX kv", "ALTER TABLE p TRUNCATE PARTITION p0", "ALTER TABLE b DROP COLUMN c1", "ALTER TABLE p REORGANIZE PARTITION p1a, p1b INTO (PARTITION p1 VALUES LESS THAN (200))",
        "ALTER TABLE a RENAME COLUMN s TO s_old, ADD COLUMN s VARCHAR(30) DEFAULT 'second s'", "ALTER TABLE a DROP COLUMN s", "ALTER TABLE a RENAME COLUMN s_old TO s", "ALTER TABLE n DROP COLUMN c1", "ALTER TABLE b DROP INDEX kvs", "ALTER TABLE p DROP INDEX kv",
        "ALTER TABLE a MODIFY COLUMN v INT", "ALTER TABLE a MODIFY COLUMN d DECIMAL(10,2)", "RENAME TABLE a TO tmp, b TO b2, tmp TO a, b2 TO b", "TRUNCATE TABLE p", "DROP TABLE n", "CREATE TABLE n (s VARCHAR(30), v INT)",
    ]
    t0 = time.time()
    n, slow = 0, (0, "")
    while time.time() < t0 + SECONDS:
        for s in steps:
            t1 = time.time()
            if t1 > t0 + HARD:
                break
            x.run(s, allow=OK)
            n += 1
            slow = max(slow, (time.time() - t1, s))
            time.sleep(r.random() * 0.1)
    stop.set()
    print("DDL statements: %d in %.1f s; the slowest took %.1f s: %s" % ((n, time.time() - t0) + slow))

parallel([writer(w) for w in range(5)] + [ddl])
for t in ("a", "b", "p"):
    c.run("ADMIN CHECK TABLE %s" % t, allow=SCHEMA_RACE)
STATS.finish()
