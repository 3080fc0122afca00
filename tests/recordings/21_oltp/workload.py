import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from wlib import *

HOST, PORT, SEED = args()
DB = "c21_oltp"
TABLES, ROWS, THREADS, MAX_TXN, SECONDS = 4, 500, 8, 3000, 20
c = fresh(DB)
c.run("USE " + DB)
R = rng(SEED, "load")
def pad(r, n):
    return "-".join("%011d" % r.randrange(10**11) for _ in range(n))
for t in range(1, TABLES + 1):
    c.run("CREATE TABLE sb%d (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id)%s, KEY k_%d (k))" % (t, " NONCLUSTERED" if t == 4 else "", t))
    c.many("INSERT INTO sb%d (id, k, c, pad) VALUES " % t, [(i, R.randint(1, ROWS), pad(R, 10), pad(R, 5)) for i in range(1, ROWS + 1)], 500)

end = time.time() + SECONDS
count = [0] * THREADS
def worker(w):
    def f():
        x, r = Conn(DB), rng(SEED, "oltp", w)
        ident = lambda: min(ROWS, max(1, int(r.gauss(ROWS / 2, ROWS / 6)))) if r.random() < 0.7 else r.randint(1, ROWS)
        while time.time() < end and count[w] < MAX_TXN // THREADS:
            t, kind = r.randint(1, TABLES), r.random()
            if kind < 0.55:
                def body(z):
                    i = ident()
                    need(z.run("SELECT c FROM sb%d WHERE id = %d" % (t, i), allow=CONFLICT))
                    need(z.run("UPDATE sb%d SET k = k + 1 WHERE id = %d" % (t, ident()), allow=CONFLICT))
                    need(z.run("UPDATE sb%d SET c = %s WHERE id = %d" % (t, lit(pad(r, 10)), ident()), allow=CONFLICT))
                    j = ident()
                    need(z.run("DELETE FROM sb%d WHERE id = %d" % (t, j), allow=CONFLICT))
                    need(z.run("INSERT INTO sb%d (id, k, c, pad) VALUES (%d, %d, %s, %s)" % (t, j, r.randint(1, ROWS), lit(pad(r, 10)), lit(pad(r, 5))), allow=CONFLICT | {1062}))
                x.txn(body, tries=5, begin=r.choice(["BEGIN", "BEGIN", "BEGIN OPTIMISTIC"]))
            elif kind < 0.75:
                x.run("UPDATE sb%d SET k = k + 1 WHERE id = %d" % (t, ident()), allow=CONFLICT)
            elif kind < 0.85:
                x.run("UPDATE sb%d SET k = k - 1 WHERE id BETWEEN %d AND %d" % ((t,) + (lambda a: (a, a + 5))(ident())), allow=CONFLICT)
            elif kind < 0.92:
                x.run("INSERT INTO sb%d (id, k, c) VALUES (%d, 1, 'odku') ON DUPLICATE KEY UPDATE k = k + 100" % (t, r.randint(1, ROWS + 200)), allow=CONFLICT | {1062})
            elif kind < 0.97:
                x.run("REPLACE INTO sb%d (id, k, c, pad) VALUES (%d, %d, 'replaced', '')" % (t, r.randint(1, ROWS + 200), r.randint(1, ROWS)), allow=CONFLICT | {1062})
            else:
                x.run("DELETE FROM sb%d WHERE id = %d" % (t, r.randint(ROWS, ROWS + 200)), allow=CONFLICT)
            count[w] += 1
        x.close()
    return f
parallel([worker(w) for w in range(THREADS)])
STATS.finish(transactions=sum(count))
