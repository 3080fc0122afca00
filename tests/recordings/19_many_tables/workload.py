import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from wlib import *

HOST, PORT, SEED = args()
DB = "c19_many_tables"
N, T = 300, 8
c = fresh(DB)
c.run("USE " + DB)

SHAPES = [
    "(id INT PRIMARY KEY, v VARCHAR(20))",
    "(id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20), KEY (v))",
    "(id VARCHAR(20) NOT NULL, v VARCHAR(20), PRIMARY KEY (id) CLUSTERED)",
    "(id INT NOT NULL, v VARCHAR(20), PRIMARY KEY (id) NONCLUSTERED)",
    "(id INT, v VARCHAR(20))",
    "(id INT NOT NULL, v VARCHAR(20), UNIQUE KEY (id))",
    "(id INT PRIMARY KEY, v VARCHAR(20), g VARCHAR(21) AS (CONCAT(v, '!')) VIRTUAL)",
    "(id INT PRIMARY KEY, v VARCHAR(20)) PARTITION BY HASH (id) PARTITIONS 2",
    "(id INT NOT NULL, v VARCHAR(20) NOT NULL, PRIMARY KEY (v, id) CLUSTERED)",
    "(id INT PRIMARY KEY, v VARCHAR(20), w DECIMAL(10,2) DEFAULT 1.5, x DATETIME DEFAULT '2024-01-01', KEY (w, x))",
]
def name(i):
    return "t%04d" % i

def create(k):
    def f():
        x, r = Conn(DB), rng(SEED, "create", k)
        for i in range(k, N, T):
            x.run("CREATE TABLE %s %s" % (name(i), SHAPES[i % len(SHAPES)]))
            if r.random() < 0.5:
                x.run("INSERT INTO %s (id, v) VALUES (1, 'early')" % name(i))
        x.close()
    return f
parallel([create(k) for k in range(T)])

def fill(k):
    def f():
        x, r = Conn(DB), rng(SEED, "fill", k)
        for i in range(k, N, T):
            x.run("INSERT INTO %s (id, v) VALUES (%d, %s), (%d, %s)" % (name(i), 2, lit(text(r, 1, 15)), 3, lit(text(r, 1, 15))))
            if i % 4 == 0:
                x.run("UPDATE %s SET v = 'upd' WHERE id = 2" % name(i))
            if i % 7 == 0:
                x.run("DELETE FROM %s WHERE id = 3" % name(i))
        for _ in range(10):
            def body(z):
                for i in sorted(r.sample(range(k, N, T), 5)):
                    need(z.run("UPDATE %s SET v = CONCAT(LEFT(v, 10), 'm') WHERE id = 2" % name(i), allow=CONFLICT))
            x.txn(body)
        x.close()
    return f
parallel([fill(k) for k in range(T)])

R = rng(SEED, "late")
pick = R.sample(range(N), 80)
def late(k):
    def f():
        x = Conn(DB)
        for j in range(k, 80, T):
            i, what = pick[j], j // 20
            if what == 0:
                x.run("DROP TABLE " + name(i))
            elif what == 1:
                x.run("TRUNCATE TABLE " + name(i))
                x.run("INSERT INTO %s (id, v) VALUES (9, 'after truncate')" % name(i))
            elif what == 2:
                x.run("RENAME TABLE %s TO %s_renamed" % (name(i), name(i)))
                x.run("INSERT INTO %s_renamed (id, v) VALUES (9, 'after rename')" % name(i))
            else:
                x.run("ALTER TABLE %s ADD COLUMN extra INT DEFAULT 7" % name(i))
                x.run("INSERT INTO %s (id, v) VALUES (9, 'after alter')" % name(i))
        x.close()
    return f
parallel([late(k) for k in range(T)])
STATS.finish()
