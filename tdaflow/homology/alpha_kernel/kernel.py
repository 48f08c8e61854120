"""draft"""
import time
import numpy as np
from tdaflow.homology.alpha_kernel.lattice import *
from tdaflow.homology.alpha_kernel.order import affine_frame, insertion_order

def alpha_persistence(points, homology_dimensions=(0, 1, 2), stages=None):
    from tdaflow.homology.alpha_kernel import delaunay, faces, values, persistence
    T=[('start',time.perf_counter())]
    def lap(name):
        T.append((name,time.perf_counter()))
    lat = recover_lattice(points)
    lap('lattice')
    index = lat.index
    n = len(index)
    info={}
    order = insertion_order(index * lat.unit)
    frame, apexes = affine_frame(index, order)
    n_apex = len(apexes)
    rest = np.ones(n, bool); rest[frame]=False
    order = np.concatenate([np.array(frame), order[rest[order]]])
    allp = np.concatenate([apexes, index[order]])
    pred = choose_predicates(allp, lat.unit)
    N = len(allp)
    integers = np.zeros((N+1,5),np.int64); integers[1:,:4]=allp
    metric_i = allp*lat.unit
    integers[1:,4]=(metric_i**2).sum(1)
    pts = integers.astype(float)
    pts[1:,4] = (metric_i.astype(float)**2).sum(1)
    metric = np.zeros((N+1,4)); metric[1:]=metric_i
    lap('order')
    if n==1: return {k:np.zeros((0,2)) for k in homology_dimensions}, info
    st, verts, nbr, planes = delaunay.triangulate(pts, integers, pred.error, 5_000_000)
    lap('delaunay')
    assert st==0, st
    nocells=False
    e2=np.zeros((0,2),np.int32)
    tets=np.zeros((0,4),np.int32); tet_tri=np.zeros((0,4),np.int32); tri=np.zeros((0,3),np.int32); tri_edge=np.zeros((0,3),np.int32)
    tv=np.zeros(0); tg=np.zeros(0,np.uint8); fv=np.zeros(0); fg=np.zeros(0,np.uint8)
    cof=e2; cv=np.zeros(0)
    if n_apex==0:
        slots,tets,cof,opp=faces.tetrahedra_of_cells(verts,nbr)
        lap('tetra')
        cv,cc=values.cell_spheres(pts,integers,lat.unit.astype(float),pred.error==0,verts,planes,slots)
        lap('cellval')
    else:
        simp=faces.cells_containing(verts,n_apex)
        cv=np.zeros(0);cc=np.zeros((0,4))
        if n_apex==1:
            tets=simp; cof=np.full((len(simp),2),-1,np.int32); opp=cof
    if n_apex<=1:
        tv,tg=values.tetrahedron_values(metric,tets,cof,opp,cv,cc)
        lap('tetval')
        tri,tet_tri=faces.triangles_of_tetrahedra(tets,N)
        lap('tri')
    elif n_apex==2: tri=simp
    if n_apex<=2:
        fv,fg=values.triangle_values(metric,tri,tet_tri,tv,tg)
        lap('trival')
        edge,tri_edge=faces.edges_of_triangles(tri,N)
        lap('edges')
    else: edge=simp
    ev=values.edge_values(metric,edge,tri_edge,fv,fg)
    lap('edgeval')
    to,tr=persistence.sort_by_value(tv); fo,fr=persistence.sort_by_value(fv); eo,er=persistence.sort_by_value(ev)
    lap('sort')
    out={}
    joins=persistence.merge_components(edge,eo,N+1)
    d0=ev[joins]
    lap('H0')
    if n_apex==0:
        k3=persistence.merge_voids(cof,to,cv)
    else:
        k3=np.full(len(tets),-1,np.int32)
    lap('H3')
    k2=persistence.reduce_columns(tet_tri,to,k3>=0,fr)
    lap('H2')
    k1=persistence.reduce_columns(tri_edge,fo,k2>=0,er)
    lap('H1')
    def bars(b,k,d):
        i=np.flatnonzero(k>=0)
        x,y=b[i],d[k[i]]
        keep=x<y
        r=np.sqrt(np.stack([x[keep],y[keep]],1))*2.0**lat.exponent
        return r[np.lexsort(r.T[::-1])]
    out={0:np.stack([np.zeros(len(d0)),np.sqrt(np.sort(d0))*2.0**lat.exponent],1),1:bars(ev,k1,fv),2:bars(fv,k2,tv),3:bars(tv,k3,cv)}
    lap('bars')
    info=dict(n=n,cells=len(cv),tets=len(tets),tri=len(tri),edges=len(edge),pred=pred.name)
    if stages is not None:
        for a,b in zip(T,T[1:]): stages.setdefault(b[0],[]).append((b[1]-a[1])*1e3)
    return {k:out[k] for k in homology_dimensions},info
