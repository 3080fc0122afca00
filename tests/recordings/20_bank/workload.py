import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from wlib import *

HOST, PORT, SEED = args()
DB = "c20_bank"
SECONDS, THREADS, ACC = 5, 6, 1000
c = fresh(DB)
c.run("USE " + DB)
c.run("CREATE TABLE acc_int (id INT PRIMARY KEY, bal BIGINT NOT NULL, n INT NOT NULL DEFAULT 0)")
c.run("CREATE TABLE acc_str (id VARCHAR(20) NOT NULL, bal BIGINT NOT NULL, n INT NOT NULL DEFAULT 0, PRIMARY KEY (id) CLUSTERED, KEY kb (bal))")
c.run("CREATE TABLE acc_nc (id INT NOT NULL, bal DECIMAL(20,4) NOT NULL, n INT NOT NULL DEFAULT 0, PRIMARY KEY (id) NONCLUSTERED)")
c.run("CREATE TABLE ledger (id BIGINT PRIMARY KEY AUTO_RANDOM, src VARCHAR(30), dst VARCHAR(30), amount INT, at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6), thread INT, seq INT, UNIQUE KEY (thread, seq))")
c.run("BEGIN")
c.many("INSERT INTO acc_int (id, bal) VALUES ", [(i, 1000) for i in range(400)])
c.many("INSERT INTO acc_str (id, bal) VALUES ", [("acc%04d" % i, 1000) for i in range(300)])
c.many("INSERT INTO acc_nc (id, bal) VALUES ", [(i, 1000) for i in range(300)])
c.run("COMMIT")

def where(i):
    if i < 400:
        return "acc_int", str(i)
    if i < 700:
        return "acc_str", "'acc%04d'" % (i - 400)
    return "acc_nc", str(i - 700)

end = time.time() + SECONDS
done = [0] * THREADS
def worker(k):
    def f():
        x, r = Conn(DB), rng(SEED, "bank", k)
        seq = 0
        while time.time() < end and seq < 250:
            a, b = r.sample(range(ACC), 2) if r.random() < 0.8 else r.sample(range(0, ACC, 100), 2)
            amount = r.randint(1, 50)
            mode = r.choice(["BEGIN PESSIMISTIC", "BEGIN PESSIMISTIC", "BEGIN OPTIMISTIC"])
            back = r.random() < 0.05
            n = seq
            def body(z):
                (ta, ia), (tb, ib) = where(a), where(b)
                if mode == "BEGIN PESSIMISTIC" and n % 4 == 0:
                    need(z.run("SELECT bal FROM %s WHERE id = %s FOR UPDATE" % (ta, ia), allow=CONFLICT))
                need(z.run("UPDATE %s SET bal = bal - %d, n = n + 1 WHERE id = %s" % (ta, amount, ia), allow=CONFLICT))
                need(z.run("UPDATE %s SET bal = bal + %d, n = n + 1 WHERE id = %s" % (tb, amount, ib), allow=CONFLICT))
                if back:
                    return "rollback"
                need(z.run("INSERT INTO ledger (src, dst, amount, thread, seq) VALUES (%s, %s, %s, %s, %s)",
                           (ta + ":" + ia.strip("'"), tb + ":" + ib.strip("'"), amount, k, n), allow=CONFLICT))
            if x.txn(body, begin=mode) is True:
                done[k] += 1
            seq += 1
        x.close()
    return f
parallel([worker(k) for k in range(THREADS)])
total = c.one("SELECT (SELECT SUM(bal) FROM acc_int) + (SELECT SUM(bal) FROM acc_str) + (SELECT SUM(bal) FROM acc_nc)")
led = c.one("SELECT COUNT(*) FROM ledger")
if int(total) != ACC * 1000:
    STATS.fail("the total is %s" % total)
if led != sum(done):
    STATS.fail("ledger has %s rows, committed %s" % (led, sum(done)))
STATS.finish(transfers=sum(done))
